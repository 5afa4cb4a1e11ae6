/**
 * SQLite's variable-length integer: up to 8 bytes of 7 bits, most significant first, the high bit
 * set on all but the last; a ninth byte gives 8 bits.
 */
export interface Varint {
  /** Exact up to 2^53; what is greater is only good for comparison with limits. */
  value: number;
  /** Bytes it took; 0 when the bytes ended inside it. */
  size: number;
}

/**
 * Reads a varint into `into`, which is answered: the reader is called once for each cell of a file.
 */
export function readVarint(bytes: Uint8Array, offset: number, end: number, into: Varint): Varint {
  const first = bytes[offset] ?? 0;
  if (first < 0x80 && offset < end) {
    into.value = first;
    into.size = 1;
    return into;
  }
  let value = 0;
  for (let at = 0; at < 9; at++) {
    if (offset + at >= end) break;
    const byte = bytes[offset + at] ?? 0;
    if (at === 8) {
      into.value = value * 256 + byte;
      into.size = 9;
      return into;
    }
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      into.value = value;
      into.size = at + 1;
      return into;
    }
  }
  into.value = 0;
  into.size = 0;
  return into;
}
