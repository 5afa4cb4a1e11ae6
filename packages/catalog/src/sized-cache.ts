/**
 * Values by key, within a bound on the sizes that their owner names; the least recently used go.
 */
export class SizedCache<Key, Value> {
  readonly #sizeMax: number;
  /** Least recently used first. */
  readonly #entries = new Map<Key, { readonly value: Value; readonly size: number }>();
  #size = 0;

  /** @param sizeMax of all values together; one that is larger alone is not kept */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** The sizes of all values held. */
  get size(): number {
    return this.#size;
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: Key, value: Value, size: number): void {
    this.delete(key);
    if (size > this.#sizeMax) return;
    this.#entries.set(key, { value, size });
    this.#size += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#sizeMax) return;
      this.delete(oldest);
    }
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }
}
