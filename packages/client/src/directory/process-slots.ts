/**
 * Which processes use a data directory: each holds the kernel's lock on one of
 * `processes/<n>.lock`, and loses it when it dies, never by a timeout. A process that opens the
 * directory twice holds two.
 */
import { type FileLock, type FileSystem, GraftError } from "@graft/core";

/** Far above what one machine runs on one directory; each taken one costs an opening one try. */
const SLOT_COUNT_MAX = 256;

/** A process's place among those that use a directory. */
export interface ProcessSlot {
  readonly number: number;
  /** Whether no other process was there. */
  readonly isAlone: boolean;
  readonly lock: FileLock;
}

/** Takes the lowest free slot. The caller holds the directory's lock. @throws GraftError `busy` */
export function takeProcessSlot(path: string, fileSystem: FileSystem): ProcessSlot {
  fileSystem.makeDirectory(`${path}/processes`);
  const known = slotCount(path, fileSystem);
  for (let number = 0; number < SLOT_COUNT_MAX; number++) {
    const lock = fileSystem.lock(slotPath(path, number));
    if (lock === undefined) continue;
    const isAlone = number === 0 && countProcesses(path, fileSystem, 1, known) === 0;
    return { number, isAlone, lock };
  }
  throw new GraftError(
    "busy",
    `data directory "${path}" is used by ${SLOT_COUNT_MAX} processes: end one of them`,
  );
}

/** Whether another process than this one uses the directory now. */
export function hasOtherProcess(path: string, fileSystem: FileSystem, own: ProcessSlot): boolean {
  const count = slotCount(path, fileSystem);
  for (let number = 0; number < count; number++) {
    if (number !== own.number && countProcesses(path, fileSystem, number, number + 1) > 0) {
      return true;
    }
  }
  return false;
}

/** How many processes use the directory now. */
export function countProcesses(
  path: string,
  fileSystem: FileSystem,
  from = 0,
  to: number = slotCount(path, fileSystem),
): number {
  let count = 0;
  for (let number = from; number < to; number++) {
    const lock = fileSystem.lock(slotPath(path, number));
    if (lock === undefined) count++;
    else lock.close();
  }
  return count;
}

/** Slots that were ever taken: their files stay. */
function slotCount(path: string, fileSystem: FileSystem): number {
  return (
    fileSystem.list(`${path}/processes`)?.filter((name) => /^\d+\.lock$/.test(name)).length ?? 0
  );
}

function slotPath(path: string, number: number): string {
  return `${path}/processes/${number}.lock`;
}
