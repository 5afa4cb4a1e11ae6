/** Numbers in as few bytes as they need, for values up to 2^53 − 1. */
import { type ByteReader, BytesError } from "@graft/core";

/** LEB128 takes 8 bytes for 53 bits. */
const SIZE_MAX = 8;

/** Appends |value| and its sign: 0, −1, 1, −2, … in ascending order. The value is safe by half. */
export function pushSigned(out: number[], value: number): void {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
}

/** @throws BytesError */
export function readSigned(reader: ByteReader): number {
  let value = 0;
  let scale = 1;
  for (let size = 0; size < SIZE_MAX; size++) {
    const byte = reader.u8();
    value += (byte % 0x80) * scale;
    scale *= 0x80;
    if (byte >= 0x80) continue;
    if (value > Number.MAX_SAFE_INTEGER) break;
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  throw new BytesError("a number is over 53 bits", reader.offset);
}

/** SQLite's varint, most significant bits first; undefined when it is cut off or over 2^52. */
export function readKey(
  bytes: Uint8Array,
  offset: number,
): { readonly value: number; readonly size: number } | undefined {
  let value = 0;
  for (let size = 1; size <= SIZE_MAX; size++) {
    const byte = bytes[offset + size - 1];
    if (byte === undefined) return undefined;
    value = value * 0x80 + (byte % 0x80);
    if (byte < 0x80) return value < 2 ** 52 ? { value, size } : undefined;
  }
  return undefined;
}

/** Its shortest form. @param value 0 … 2^52 */
export function keyBytes(value: number): readonly number[] {
  const bytes = [value % 0x80];
  for (let rest = Math.floor(value / 0x80); rest > 0; rest = Math.floor(rest / 0x80)) {
    bytes.unshift((rest % 0x80) + 0x80);
  }
  return bytes;
}
