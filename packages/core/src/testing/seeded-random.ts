import { invariant } from "../assert.ts";
import type { Random } from "../random.ts";

/**
 * Repeatable randomness: the same seed gives the same bytes on every machine (sfc32). For tests and
 * simulations only; nothing about it is secret.
 */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any 53-bit integer; a failure prints it, so that the run can be repeated */
  constructor(seed: number) {
    this.#a = Math.trunc(seed) >>> 0;
    this.#b = Math.floor(Math.abs(seed) / 0x1_0000_0000) >>> 0;
    this.#c = seed < 0 ? 1 : 0;
    // Neighbouring seeds start alike; twelve rounds part them.
    for (let round = 0; round < 12; round++) this.u32();
  }

  fill(target: Uint8Array): void {
    let word = 0;
    for (let at = 0; at < target.length; at++) {
      if (at % 4 === 0) word = this.u32();
      target[at] = word & 0xff;
      word >>>= 8;
    }
  }

  /** 0 … 2^32−1, uniform. */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** [0, 1), uniform. */
  unit(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** min … max, both included, uniform. */
  integer(min: number, max: number): number {
    invariant(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max, "min ≤ max");
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  /** True with this probability, 0 … 1. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of the items; there must be one. */
  pick<T>(items: readonly T[]): T {
    invariant(items.length > 0, "there is something to pick from");
    const at = this.integer(0, items.length - 1);
    return items[at] as T;
  }

  /** The items in another order. A copy. */
  shuffle<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, key: this.unit() }));
    return keyed.sort((one, other) => one.key - other.key).map(({ item }) => item);
  }

  /** An own stream, so that one part of a simulation drawing more does not shift all others. */
  fork(): SeededRandom {
    return new SeededRandom(this.u32() * 0x20_0000 + (this.u32() >>> 11));
  }
}
