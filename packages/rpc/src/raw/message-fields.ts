/**
 * A look over an encoded message before it is decoded: a few bytes may each become an object, so
 * that 4 MiB of empty parts would take a server half a second and some hundred MiB.
 */
import type { DescMessage } from "@bufbuild/protobuf";

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_SIZED = 2;
const WIRE_FIXED32 = 5;
/** No request of ours nests deeper than three messages. */
const DEPTH_MAX = 8;

/**
 * Whether a message has more than `countMax` fields, those of the messages in it included. What is
 * malformed is for the decoder to say.
 */
export function hasMoreFields(schema: DescMessage, bytes: Uint8Array, countMax: number): boolean {
  return countFields(schema, bytes, { at: 0, end: bytes.length }, countMax, DEPTH_MAX) > countMax;
}

interface Window {
  readonly at: number;
  readonly end: number;
}

/** Counts up to one more than `countMax`. */
function countFields(
  schema: DescMessage,
  bytes: Uint8Array,
  { at: start, end }: Window,
  countMax: number,
  depth: number,
): number {
  let count = 0;
  let at = start;
  while (at < end && count <= countMax) {
    const tag = readVarint(bytes, at, end);
    if (tag === undefined) return count;
    at = tag.next;
    count++;
    const wireType = tag.value & 7;
    if (wireType === WIRE_VARINT) at = readVarint(bytes, at, end)?.next ?? end;
    else if (wireType === WIRE_FIXED64) at += 8;
    else if (wireType === WIRE_FIXED32) at += 4;
    else if (wireType !== WIRE_SIZED) return count;
    else {
      const size = readVarint(bytes, at, end);
      if (size === undefined || size.value > end - size.next) return count;
      const inner = schema.fields.find(({ number }) => number === tag.value >>> 3)?.message;
      at = size.next + size.value;
      if (inner === undefined || depth === 0) continue;
      count += countFields(inner, bytes, { at: size.next, end: at }, countMax - count, depth - 1);
    }
  }
  return count;
}

/** Up to 32 bits of a varint, and where it ends; undefined when it does not end. */
function readVarint(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  for (let at = start; at < Math.min(end, start + 10); at++) {
    const byte = bytes[at] ?? 0;
    if (at - start < 5) value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, next: at + 1 };
  }
  return undefined;
}
