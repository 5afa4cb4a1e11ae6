import { BytesError } from "./bytes-error.ts";

/**
 * Reads numbers and byte runs from front to back, never past the end. Names end in the byte order:
 * `le` least significant first, `be` most significant first. All throw `BytesError`.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How many bytes were read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16le(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u16be(): number {
    return this.#view.getUint16(this.#take(2), false);
  }

  u32le(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u32be(): number {
    return this.#view.getUint32(this.#take(4), false);
  }

  u64le(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  u64be(): bigint {
    return this.#view.getBigUint64(this.#take(8), false);
  }

  /** LEB128 of 1…5 bytes in its shortest form, 0 … 2^32−1. */
  varintU32(): number {
    const start = this.#offset;
    const value = this.varintU64();
    if (value > 0xffff_ffffn) throw new BytesError(`varint ${value} is over 32 bits`, start);
    return Number(value);
  }

  /** LEB128 of 1…10 bytes in its shortest form, 0 … 2^64−1. */
  varintU64(): bigint {
    const start = this.#offset;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0n) throw new BytesError("varint is longer than needed", start);
      if (value > 0xffff_ffff_ffff_ffffn) break;
      return value;
    }
    throw new BytesError("varint is over 64 bits", start);
  }

  /** The next `count` bytes: a view, valid while the source lives; do not write to it. */
  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** All that is left: a view, perhaps empty. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** Refuses bytes after the last field. */
  expectEnd(): void {
    if (this.remaining === 0) return;
    throw new BytesError(`${this.remaining} bytes follow the last field`, this.#offset);
  }

  /** Checks before anything is read or allocated; gives where the run starts. */
  #take(count: number): number {
    const start = this.#offset;
    if (!(Number.isSafeInteger(count) && count >= 0 && count <= this.remaining)) {
      throw new BytesError(`expected ${count} more bytes, ${this.remaining} are left`, start);
    }
    this.#offset = start + count;
    return start;
  }
}
