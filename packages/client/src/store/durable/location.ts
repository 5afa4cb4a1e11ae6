/**
 * Where the durable store keeps a page, as one number of 32 bits:
 *
 * ```
 * 0 … 2^31−1              a slot of `pages`
 * 2^31 … LOCATION_MAX     an image in the log, at (number − 2^31) × 8
 * ```
 */
import { invariant } from "@graft/core";
import { ABSENT, LOCATION_MAX, type Location, ZEROS } from "../history/page-chains.ts";

const LOG_FIRST = 0x8000_0000;
const LOG_UNIT = 8;

/** A slot number on disk: the page is in the log, or known not to exist. */
export const NO_SLOT = 0xffff_ffff;
/** A slot number on disk: the page exists and is not here. */
export const MISSING_SLOT = 0xffff_fffe;
/** Slots beyond this cannot be named: 1 TiB of pages of 512 bytes. */
export const SLOT_COUNT_MAX = 0x8000_0000;

invariant(ZEROS === NO_SLOT && ABSENT === MISSING_SLOT, "an index names places as memory does");

/** The place of an image in the log. */
export function logLocation(offset: number): Location {
  const location = LOG_FIRST + offset / LOG_UNIT;
  invariant(offset % LOG_UNIT === 0 && location < LOCATION_MAX, "an image in the log can be named");
  return location;
}

export function isInLog(location: Location): boolean {
  return location >= LOG_FIRST && location < LOCATION_MAX;
}

export function isSlot(location: Location): boolean {
  return location < LOG_FIRST;
}

/** The offset of an image in the log. */
export function logOffsetOf(location: Location): number {
  return (location - LOG_FIRST) * LOG_UNIT;
}
