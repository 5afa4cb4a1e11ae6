/**
 * Random bytes that can be had again: the key stream of ChaCha20 (RFC 8439 §2.4) under a key of 32
 * random bytes, with a nonce of zeros and a counter from 0.
 */
const KEY_SIZE = 32;
const BLOCK_SIZE = 64;
const CONSTANTS: readonly number[] = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
const COUNTER = 12;
/** Columns, then diagonals. */
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

/** Size of the key of a `ChanceStream`, bytes. */
export const CHANCE_KEY_SIZE: number = KEY_SIZE;

export class ChanceStream {
  readonly #input = new Uint32Array(16);
  readonly #work = new Uint32Array(16);
  readonly #block = new Uint8Array(BLOCK_SIZE);
  #used = BLOCK_SIZE;

  /** @param key 32 bytes; copied */
  constructor(key: Uint8Array) {
    this.#input.set(CONSTANTS);
    const view = new DataView(key.buffer, key.byteOffset, KEY_SIZE);
    for (let at = 0; at < 8; at++) this.#input[4 + at] = view.getUint32(at * 4, true);
  }

  /** The next bytes. */
  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; ) {
      if (this.#used === BLOCK_SIZE) this.#nextBlock();
      const count = Math.min(target.length - at, BLOCK_SIZE - this.#used);
      target.set(this.#block.subarray(this.#used, this.#used + count), at);
      this.#used += count;
      at += count;
    }
  }

  /** Begins again with the first byte. */
  restart(): void {
    this.#input[COUNTER] = 0;
    this.#used = BLOCK_SIZE;
  }

  #nextBlock(): void {
    const words = this.#work;
    words.set(this.#input);
    for (let round = 0; round < 10; round++) {
      for (const [a, b, c, d] of QUARTERS) mixQuarter(words, a, b, c, d);
    }
    const view = new DataView(this.#block.buffer);
    for (let at = 0; at < 16; at++) {
      view.setUint32(at * 4, (words[at] as number) + (this.#input[at] as number), true);
    }
    this.#input[COUNTER] = (this.#input[COUNTER] as number) + 1;
    this.#used = 0;
  }
}

function mixQuarter(words: Uint32Array, a: number, b: number, c: number, d: number): void {
  addAndTurn(words, a, b, d, 16);
  addAndTurn(words, c, d, b, 12);
  addAndTurn(words, a, b, d, 8);
  addAndTurn(words, c, d, b, 7);
}

/** `x += y; z = (z ^ x) <<< bits` */
function addAndTurn(words: Uint32Array, x: number, y: number, z: number, bits: number): void {
  words[x] = (words[x] as number) + (words[y] as number);
  const mixed = (words[z] as number) ^ (words[x] as number);
  words[z] = (mixed << bits) | (mixed >>> (32 - bits));
}
