/**
 * Where the durable store keeps a page, as one number of 32 bits:
 *
 * ```
 * 0 … 2^31−1              a slot of `pages`
 * 2^31 … MEMORY_FIRST     an image in a log, at (number − 2^31) × 8, less the log's base
 * MEMORY_FIRST …          a page that waits in memory for a slot (waiting-pages.ts)
 * ```
 */
import { invariant } from "@graft/core";
import { ABSENT, LOCATION_MAX, type Location, ZEROS } from "../history/page-chains.ts";

const LOG_FIRST = 0x8000_0000;
const LOG_UNIT = 8;
/** Places of pages in memory: the last ones. */
export const MEMORY_PLACE_COUNT = 0x1_0000;
const MEMORY_FIRST: Location = LOCATION_MAX - MEMORY_PLACE_COUNT;
/** Bytes of logs that can be told apart. */
export const LOG_SPACE: number = (MEMORY_FIRST - LOG_FIRST) * LOG_UNIT;

/** A slot number on disk: the page is in the log, or known not to exist. */
export const NO_SLOT = 0xffff_ffff;
/** A slot number on disk: the page exists and is not here. */
export const MISSING_SLOT = 0xffff_fffe;
/** Slots beyond this cannot be named: 1 TiB of pages of 512 bytes. */
export const SLOT_COUNT_MAX = 0x8000_0000;

invariant(ZEROS === NO_SLOT && ABSENT === MISSING_SLOT, "an index names places as memory does");

/** The place of a page in memory. */
export function memoryLocation(at: number): Location {
  return MEMORY_FIRST + at;
}

export function isInMemory(location: Location): boolean {
  return location >= MEMORY_FIRST && location < LOCATION_MAX;
}

/** The place of an image in a log, by its offset from the base. */
export function logLocation(offset: number): Location {
  const location = LOG_FIRST + offset / LOG_UNIT;
  invariant(offset % LOG_UNIT === 0 && location < MEMORY_FIRST, "an image in the log can be named");
  return location;
}

export function isInLog(location: Location): boolean {
  return location >= LOG_FIRST && location < MEMORY_FIRST;
}

export function isSlot(location: Location): boolean {
  return location < LOG_FIRST;
}

/** The offset of an image, from the base of its log. */
export function logOffsetOf(location: Location): number {
  return (location - LOG_FIRST) * LOG_UNIT;
}
