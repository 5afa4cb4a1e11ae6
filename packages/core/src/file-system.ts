/**
 * The only door to disks. Two kinds of use:
 *
 * - **Files** are opened and read or written at offsets, synchronously: a database's page read must
 *   not wait for an event loop, and OPFS offers the same calls. What was written is durable after
 *   `sync()` returned, and only then; the entry of a new or renamed file is durable after
 *   `syncDirectory()`.
 * - **Whole files** are read and replaced asynchronously, for object stores and caches.
 *
 * Paths are absolute or relative to the working directory and use `/`. Every failure is a
 * `GraftError`: `not-found`, `io` (details.reason: "full" | "read-only" | "permission" | "other")
 * or `busy`.
 */
export interface FileSystem {
  /**
   * Opens a file for reading and writing at offsets. The mode says what must, may or must not
   * exist.
   */
  open(path: string, mode: FileMode): File;
  /**
   * Creates the directory and its missing parents, durably: no `syncDirectory` is owed for them.
   */
  makeDirectory(path: string): void;
  /** Names in a directory, in code-unit order; undefined when it does not exist. */
  list(path: string): readonly string[] | undefined;
  /** What is at the path; undefined when nothing is. */
  stat(path: string): FileStat | undefined;
  /** Atomically gives a file another name, replacing what had it. Durable after `syncDirectory`. */
  rename(from: string, to: string): void;
  /** Removes a file or an empty directory; false when it did not exist. */
  remove(path: string): boolean;
  /** Removes a directory and all it holds; false when it did not exist. */
  removeTree(path: string): boolean;
  /** Makes created, renamed and removed entries of the directory durable. */
  syncDirectory(path: string): void;
  /**
   * Takes an exclusive lock named by a path, across processes; the kernel releases it when its
   * holder dies. Undefined when somebody (also this process) holds it. The file at the path belongs
   * to the lock: nothing else may open it, and it is never removed while locks may be taken.
   */
  lock(path: string): FileLock | undefined;
  /**
   * Opens a lock that is taken often: like `lock`, in microseconds each time. The file at the path,
   * and those beside it whose names begin with its, belong to it; one path is used with one of the
   * two calls.
   */
  openLock(path: string): ReusableLock;

  /**
   * The bytes of a file, or of [offset, offset + size) cut at its end; undefined without a file.
   */
  readWhole(path: string, range?: ByteRange): Promise<Uint8Array | undefined>;
  /**
   * Writes a file so that readers see all of it or nothing, durably when it resolves. `create-only`
   * leaves an existing file alone and answers false: exactly one of many racing writers gets true,
   * and for the others the file that is there is durable too. Missing parent directories are
   * created.
   *
   * A crash in between may leave a file beside it whose name ends in `.tmp`: it is no one's, and
   * may be removed when no writer is at work.
   */
  writeWhole(
    path: string,
    parts: readonly Uint8Array[],
    mode: "replace" | "create-only",
  ): Promise<boolean>;
  /**
   * Removes a file as `remove` does, false when it did not exist; the event loop does not wait for
   * the disk, as it would some ms for each large file.
   */
  removeWhole(path: string): Promise<boolean>;
}

export type FileMode =
  /** Must exist; writes throw `io`. */
  | "read"
  /** Must exist. */
  | "read-write"
  /** Created when missing. */
  | "create"
  /** Must not exist; throws `busy` when it does. */
  | "create-new";

export interface ByteRange {
  readonly offset: number;
  readonly size: number;
}

export interface FileStat {
  readonly kind: "file" | "directory";
  readonly size: number;
  /** Names the file itself, not its path (device and inode): a copy has another one. */
  readonly identity: string;
  /** Last modification, ms since 1970. */
  readonly modifiedMs: number;
}

/** An open file. All calls are synchronous; all offsets and sizes are bytes. */
export interface File {
  /**
   * Reads into `target` and returns how many bytes there were: fewer only at the end of the file.
   */
  read(target: Uint8Array, offset: number): number;
  /** Writes all of `bytes`, growing the file when needed. */
  write(bytes: Uint8Array, offset: number): void;
  truncate(size: number): void;
  size(): number;
  /**
   * Makes all writes to this file durable (fdatasync). After it threw, what was written since the
   * last good sync may never become durable, not even by another sync: write it again, or recover.
   */
  sync(): void;
  close(): void;
}

/**
 * A lock across processes that is opened once and taken many times. The kernel releases it when its
 * holder dies. Two handles exclude each other, also within one process.
 */
export interface ReusableLock {
  /** Takes the lock; false when another handle holds it. Not while this one does. */
  tryLock(): boolean;
  /** Takes the lock as soon as it is free; false when it was not within `timeoutMs`. Blocks. */
  lock(timeoutMs: number): boolean;
  /** Gives the lock back. Harmless when it is not held. */
  unlock(): void;
  /** Gives the lock back and lets its file go. Closing it twice is harmless. */
  close(): void;
}

/** A held lock. Closing it twice is harmless. */
export interface FileLock {
  close(): void;
}
