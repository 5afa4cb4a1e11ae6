/**
 * Places in logs. A pin may outlive the log its pages lie in: each log a process knew has its own
 * stretch of one space of offsets, from its base on, and stays open while a pin is.
 */
import { type File, invariant } from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import { LOG_SPACE, logOffsetOf } from "./location.ts";
import type { LogWriter } from "./log-writer.ts";

/** A log is not longer, as far as its places are concerned. */
const LOG_SIZE_MAX = 1024 * 1024 * 1024;
/** Left between two logs, for what the first of them may still become. */
const LOG_GAP = 1024 * 1024;

export interface LogPlace {
  readonly file: File;
  readonly generation: number;
  /** In that file, bytes. */
  readonly offset: number;
}

/** The base for a log that follows: places in it are unlike those in the logs before. */
export function nextBase(log: LogWriter): number {
  const base = Math.ceil((log.base + log.size + LOG_GAP) / 8) * 8;
  return base + LOG_SIZE_MAX < LOG_SPACE ? base : 0;
}

/** Where an image in the log in use, or in an earlier one, is. */
export function logPlaceOf(
  location: Location,
  log: LogWriter,
  earlier: readonly LogWriter[],
): LogPlace {
  const offset = logOffsetOf(location);
  const found = isIn(log, offset) ? log : earlier.findLast((one) => isIn(one, offset));
  invariant(found !== undefined, "a log with pages that are named is open");
  return { file: found.file, generation: found.generation, offset: offset - found.base };
}

function isIn(log: LogWriter, offset: number): boolean {
  return offset >= log.base && offset < log.base + log.size;
}
