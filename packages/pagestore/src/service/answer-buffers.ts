import type { LentBytes } from "@graft/rpc";

/** Smaller answers are not worth it: memory for them is at hand. */
const SIZE_MIN: number = 16 * 1024;
/** Larger ones are rare. */
const SIZE_MAX: number = 4 * 1024 * 1024;
/** Bytes that wait to be used again, at most. */
const FREE_SIZE_MAX: number = 8 * 1024 * 1024;

/**
 * Memory for large answers that is used again once they are sent: to take and to clear a fresh
 * quarter of a MiB for each costs more than to fill it, and the garbage as much again.
 */
export class AnswerBuffers {
  /** By size, a power of two. */
  readonly #free = new Map<number, Uint8Array[]>();
  #freeSize = 0;

  /** Bytes that nobody uses now. */
  get freeSize(): number {
    return this.#freeSize;
  }

  /** Memory of so many bytes, with anything in it, the caller's until it is released: once. */
  take(size: number): LentBytes {
    if (size < SIZE_MIN || size > SIZE_MAX) {
      return { bytes: Buffer.allocUnsafeSlow(size), release: () => undefined };
    }
    const capacity = 2 ** Math.ceil(Math.log2(size));
    const known = this.#free.get(capacity)?.pop();
    if (known !== undefined) this.#freeSize -= capacity;
    const whole: Uint8Array = known ?? Buffer.allocUnsafeSlow(capacity);
    let isLent = true;
    return {
      bytes: whole.subarray(0, size),
      release: () => {
        if (isLent) this.#takeBack(whole);
        isLent = false;
      },
    };
  }

  #takeBack(whole: Uint8Array): void {
    if (this.#freeSize + whole.length > FREE_SIZE_MAX) return;
    const free = this.#free.get(whole.length) ?? [];
    free.push(whole);
    this.#free.set(whole.length, free);
    this.#freeSize += whole.length;
  }
}
