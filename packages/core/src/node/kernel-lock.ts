import * as fs from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { FileLock } from "../file-system.ts";
import { sqliteCode } from "./file-error.ts";

const SQLITE_BUSY = 5;

/**
 * An exclusive lock across processes, which the kernel releases when its holder dies; undefined
 * when it is held. Node has no flock(2); an exclusive transaction on an empty SQLite file takes the
 * same kind of lock. The transaction writes nothing, so the file stays empty and cannot be torn.
 *
 * NOTE: no pragma before it, or the lock is taken too late. And no other open and close of the file
 * by this process: POSIX drops a process's locks on a file when *any* descriptor of it is closed.
 */
export function lockByKernel(path: string): FileLock | undefined {
  // SQLite would only say "unable to open"; the kernel says that the directory does not exist.
  fs.statSync(dirname(path));
  const holder = new DatabaseSync(path, { timeout: 0 });
  try {
    holder.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    holder.close();
    if (sqliteCode(error) === SQLITE_BUSY) return undefined;
    throw error;
  }
  return {
    close(): void {
      if (holder.isOpen) holder.close();
    },
  };
}
