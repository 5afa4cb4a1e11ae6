import { GraftError } from "@graft/core";
import type { ObjectRange } from "./object-store.ts";

/** A range with numbers in it: bytes [start, end), start ≤ end ≤ the object's size. */
export interface ByteWindow {
  readonly start: number;
  readonly end: number;
}

/** @throws GraftError `invalid-argument` unless all numbers are whole, the sizes at least 1 */
export function checkObjectRange(range: ObjectRange | undefined): void {
  if (range === undefined) return;
  if ("suffix" in range) {
    checkNumber("suffix", range.suffix, 1);
  } else {
    checkNumber("offset", range.offset, 0);
    checkNumber("size", range.size, 1);
  }
}

/** What a range means for an object of `size` bytes. */
export function toByteWindow(range: ObjectRange | undefined, size: number): ByteWindow {
  if (range === undefined) return { start: 0, end: size };
  if ("suffix" in range) return { start: Math.max(0, size - range.suffix), end: size };
  const start = Math.min(range.offset, size);
  return { start, end: Math.min(size, range.offset + range.size) };
}

function checkNumber(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new GraftError(
      "invalid-argument",
      `invalid range: expected ${name} ≥ ${least}, got ${value}`,
    );
  }
}
