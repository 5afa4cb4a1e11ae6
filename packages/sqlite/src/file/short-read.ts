import { SQLITE_IOERR_SHORT_READ } from "@graft/sqlite-engine";

/** Answers a read of which the file had only the first `count` bytes: the others are zeros. */
export function shortRead(target: Uint8Array, count: number): number {
  target.fill(0, count);
  return SQLITE_IOERR_SHORT_READ;
}
