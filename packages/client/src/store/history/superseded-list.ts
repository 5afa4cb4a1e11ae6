import { freeArray } from "./free-array.ts";
import { VERSION_MAX } from "./page-table.ts";

/** A page version that only pins of the versions [from, until) can name. */
export interface Superseded {
  readonly page: number;
  readonly from: number;
  /** `Infinity`: for ever. */
  readonly until: number;
}

const WORDS = 4;
const CHUNK_WORDS_MIN = 4 * WORDS;
/** 256 KiB: a long list grows without being copied, and is given back piece by piece. */
const CHUNK_WORDS_MAX = 16_384 * WORDS;
const TWO_32 = 0x1_0000_0000;

/**
 * A list of superseded page versions, 16 bytes each: a transaction over all of a large volume makes
 * one for each page. Versions have 48 bits; the last of them stands for ever.
 *
 * ```
 * word 0  page index
 *      1  from, low 32 bits
 *      2  until, low 32 bits
 *      3  from, high 16 bits · until, high 16 bits << 16
 * ```
 */
export class SupersededList {
  readonly #chunks: Uint32Array<ArrayBuffer>[] = [];
  /** Words used of the last chunk. */
  #used = 0;

  push({ page, from, until: end }: Superseded): void {
    const until = Math.min(end, VERSION_MAX);
    const chunk = this.#chunkWithRoom();
    chunk[this.#used] = page;
    chunk[this.#used + 1] = from % TWO_32;
    chunk[this.#used + 2] = until % TWO_32;
    chunk[this.#used + 3] = Math.floor(from / TWO_32) | (Math.floor(until / TWO_32) << 16);
    this.#used += WORDS;
  }

  /** Takes all of them out, in the order in which they came. Nothing is pushed meanwhile. */
  drain(take: (superseded: Superseded) => void): void {
    const chunks = this.#chunks.splice(0);
    for (const [at, chunk] of chunks.entries()) {
      const end = at === chunks.length - 1 ? this.#used : chunk.length;
      for (let word = 0; word < end; word += WORDS) take(supersededAt(chunk, word));
      freeArray(chunk);
    }
    this.#used = 0;
  }

  #chunkWithRoom(): Uint32Array {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#used < last.length) return last;
    const size = last === undefined ? CHUNK_WORDS_MIN : Math.min(last.length * 2, CHUNK_WORDS_MAX);
    const chunk = new Uint32Array(size);
    this.#chunks.push(chunk);
    this.#used = 0;
    return chunk;
  }
}

function supersededAt(chunk: Uint32Array, word: number): Superseded {
  const high = chunk[word + 3] ?? 0;
  const until = (chunk[word + 2] ?? 0) + (high >>> 16) * TWO_32;
  return {
    page: chunk[word] ?? 0,
    from: (chunk[word + 1] ?? 0) + (high & 0xffff) * TWO_32,
    until: until === VERSION_MAX ? Number.POSITIVE_INFINITY : until,
  };
}
