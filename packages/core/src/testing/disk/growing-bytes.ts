/** The content of a file: bytes that grow with zeros and shrink. */
export class GrowingBytes {
  #bytes = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Copies into `target` what there is from `offset` on; gives how many bytes that were. */
  read(target: Uint8Array, offset: number): number {
    const from = Math.min(offset, this.#size);
    const part = this.#bytes.subarray(from, Math.min(this.#size, from + target.length));
    target.set(part);
    return part.length;
  }

  write(bytes: Uint8Array, offset: number): void {
    if (bytes.length === 0) return;
    this.resize(Math.max(this.#size, offset + bytes.length));
    this.#bytes.set(bytes, offset);
  }

  /** Cuts, or grows with zeros. */
  resize(size: number): void {
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    this.#size = size;
  }

  /** Inverts the bits of `mask` in each byte of a range: what bit rot does. */
  flip(offset: number, count: number, mask: number): void {
    const end = Math.min(this.#size, offset + count);
    for (let at = offset; at < end; at++) this.#bytes[at] = (this.#bytes[at] ?? 0) ^ mask;
  }

  /** Becomes equal to the other. */
  copyFrom(other: GrowingBytes): void {
    this.resize(0);
    this.write(other.#bytes.subarray(0, other.#size), 0);
  }
}
