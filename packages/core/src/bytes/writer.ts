import { invariant } from "../assert.ts";

const SIZE_FIRST = 64;

/**
 * Collects numbers and byte runs; what `ByteReader` reads. A value that does not fit its field is
 * broken code, not bad input: it crashes.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #size = 0;

  /** @param sizeHint bytes expected, so that nothing is copied on the way */
  constructor(sizeHint: number = SIZE_FIRST) {
    this.#bytes = new Uint8Array(sizeHint);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** How many bytes were written so far. */
  get size(): number {
    return this.#size;
  }

  u8(value: number): this {
    assertUnsigned(value, 0xff);
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16le(value: number): this {
    assertUnsigned(value, 0xffff);
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u16be(value: number): this {
    assertUnsigned(value, 0xffff);
    const at = this.#grow(2);
    this.#view.setUint16(at, value, false);
    return this;
  }

  u32le(value: number): this {
    assertUnsigned(value, 0xffff_ffff);
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u32be(value: number): this {
    assertUnsigned(value, 0xffff_ffff);
    const at = this.#grow(4);
    this.#view.setUint32(at, value, false);
    return this;
  }

  u64le(value: bigint): this {
    assertUnsigned64(value);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  u64be(value: bigint): this {
    assertUnsigned64(value);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, false);
    return this;
  }

  /** LEB128, 1…5 bytes. */
  varintU32(value: number): this {
    assertUnsigned(value, 0xffff_ffff);
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  /** LEB128, 1…10 bytes. */
  varintU64(value: bigint): this {
    assertUnsigned64(value);
    let rest = value;
    while (rest >= 0x80n) {
      this.u8(Number(rest & 0x7fn) + 0x80);
      rest >>= 7n;
    }
    return this.u8(Number(rest));
  }

  /** Copies the bytes in. */
  bytes(bytes: Uint8Array): this {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  /** All that was written: a view, the caller's own once the writer is dropped. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Makes room at the end and gives where it starts. NOTE: it may replace `#bytes` and `#view`. */
  #grow(count: number): number {
    const start = this.#size;
    const size = start + count;
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#size = size;
    return start;
  }
}

function assertUnsigned(value: number, max: number): void {
  invariant(Number.isInteger(value) && value >= 0 && value <= max, `${value} is within 0…${max}`);
}

function assertUnsigned64(value: bigint): void {
  invariant(value >= 0n && value <= 0xffff_ffff_ffff_ffffn, `${value} is within 0…2^64−1`);
}
