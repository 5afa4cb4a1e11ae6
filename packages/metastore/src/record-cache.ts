/**
 * Stored bytes of recent records, so that what was just committed is not read back to be handed
 * on.
 */
export class RecordCache {
  readonly #sizeMax: number;
  /** Least recently used first. */
  readonly #records = new Map<string, Uint8Array>();
  #size = 0;

  /** @param sizeMax bytes held at most; a record that is larger alone is not kept */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get(key: string): Uint8Array | undefined {
    const bytes = this.#records.get(key);
    if (bytes === undefined) return undefined;
    this.#records.delete(key);
    this.#records.set(key, bytes);
    return bytes;
  }

  /** The bytes are kept as they are: nobody may write to them any more. */
  add(key: string, bytes: Uint8Array): void {
    this.#size -= this.#records.get(key)?.length ?? 0;
    this.#records.delete(key);
    this.#records.set(key, bytes);
    this.#size += bytes.length;
    for (const [oldest, { length }] of this.#records) {
      if (this.#size <= this.#sizeMax) return;
      this.#records.delete(oldest);
      this.#size -= length;
    }
  }

  /** Bytes held. */
  get size(): number {
    return this.#size;
  }
}
