import { GraftError } from "./error.ts";
import type { Lsn } from "./lsn.ts";

/** LSNs from `start` to `end`, both included; without `end`, to the newest there is. */
export interface LsnRange {
  readonly start: Lsn;
  readonly end?: Lsn;
}

/** @throws GraftError `invalid-argument` when end < start */
export function createLsnRange(start: Lsn, end?: Lsn): LsnRange {
  if (end === undefined) return { start };
  if (end < start) {
    throw new GraftError(
      "invalid-argument",
      `invalid LSN range: ${start}…${end} ends before it starts`,
    );
  }
  return { start, end };
}
