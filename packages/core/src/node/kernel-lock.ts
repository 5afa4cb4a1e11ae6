import * as fs from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { invariant } from "../assert.ts";
import type { FileLock, ReusableLock } from "../file-system.ts";
import { fileError, sqliteCode } from "./file-error.ts";

const SQLITE_BUSY = 5;
/** SQLite makes room for some pages with each open file: 80 KiB a lock instead of 150. */
const SMALL_PAGES = "PRAGMA page_size = 512";

/**
 * An exclusive lock across processes, which the kernel releases when its holder dies; undefined
 * when it is held. Node has no flock(2); an exclusive transaction on an empty SQLite file takes the
 * same kind of lock. The transaction writes nothing, so the file stays empty and cannot be torn.
 *
 * NOTE: no pragma that touches the file before it, or the lock is taken too late. And no other open
 * and close of the file by this process: POSIX drops a process's locks on a file when *any*
 * descriptor of it is closed.
 */
export function lockByKernel(path: string): FileLock | undefined {
  // SQLite would only say "unable to open"; the kernel says that the directory does not exist.
  fs.statSync(dirname(path));
  const holder = new DatabaseSync(path, { timeout: 0 });
  try {
    holder.exec(SMALL_PAGES);
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

/** What the one-time conversion of a new file waits for another process that does the same. */
const CREATE_TIMEOUT_MS = 5000;

/**
 * A lock that is taken in 4 µs: the right to write of a SQLite file in WAL mode, which is one
 * kernel lock on the `-shm` file beside it. (In rollback mode it takes a dozen calls and, while the
 * file is empty, a journal: 50 µs.) Nothing is ever written after the file's first page.
 */
export function openKernelLock(path: string): ReusableLock {
  fs.statSync(dirname(path));
  const holder = new DatabaseSync(path, { timeout: CREATE_TIMEOUT_MS });
  try {
    holder.exec(SMALL_PAGES);
    holder.exec("PRAGMA journal_mode = WAL");
    holder.exec("PRAGMA busy_timeout = 0");
    return new KernelLock(path, holder);
  } catch (error) {
    holder.close();
    throw error;
  }
}

class KernelLock implements ReusableLock {
  readonly #path: string;
  readonly #holder: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  #isHeld = false;

  constructor(path: string, holder: DatabaseSync) {
    this.#path = path;
    this.#holder = holder;
    this.#begin = holder.prepare("BEGIN IMMEDIATE");
    this.#end = holder.prepare("ROLLBACK");
  }

  tryLock(): boolean {
    invariant(!this.#isHeld, "a lock is taken once at a time");
    try {
      this.#begin.run();
    } catch (error) {
      if (sqliteCode(error) === SQLITE_BUSY) return false;
      throw fileError("lock", this.#path, error);
    }
    this.#isHeld = true;
    return true;
  }

  lock(timeoutMs: number): boolean {
    if (this.tryLock()) return true;
    if (timeoutMs <= 0) return false;
    // SQLite waits between its attempts, longer each time.
    this.#holder.exec(`PRAGMA busy_timeout = ${Math.ceil(timeoutMs)}`);
    try {
      return this.tryLock();
    } finally {
      this.#holder.exec("PRAGMA busy_timeout = 0");
    }
  }

  unlock(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#end.run();
  }

  close(): void {
    this.#isHeld = false;
    if (this.#holder.isOpen) this.#holder.close();
  }
}
