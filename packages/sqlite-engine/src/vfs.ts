/**
 * The seam between SQLite and whatever keeps the pages.
 *
 * Everything here is bytes, numbers and strings: no pointer, no promise on the hot path, no SQLite
 * structure. One `Vfs` belongs to one connection, so no call of it ever overlaps another.
 *
 * The rule of every method: **it answers at once**. What cannot be answered at once is a miss: the
 * method returns `MISS`, the engine waits for the matching asynchronous method (`fetch`, `commit`)
 * and calls the first one again. How it waits is the engine's business: with JSPI the WASM stack is
 * suspended, without it the statement is run again (miss-strategy.ts).
 *
 * | method        | a miss means                        | the engine awaits     | and then           |
 * |---------------|-------------------------------------|-----------------------|--------------------|
 * | `read`        | the bytes are not here yet          | `fetch(offset, size)` | calls `read` again |
 * | `commitPoint` | the commit has to wait              | `commit()`            | calls it again     |
 * | `pragma`      | answers `{ kind: "async" }`         | its `run()`           | answers its text   |
 *
 * Errors: a method answers a SQLite result code. It may also throw: the code of a `SqliteError` is
 * passed on, anything else becomes `SQLITE_IOERR`; either way the call that ran the statement
 * rejects with an error whose `cause` is what was thrown.
 */

/** "Not at once": see the table above. No SQLite result code is negative. */
export const MISS = -1;

/** What SQLite wants a file for. "temp" and "transient" files have no name. */
export type VfsFileKind =
  | "main"
  | "main-journal"
  | "temp"
  | "temp-journal"
  | "transient"
  | "subjournal"
  | "super-journal"
  | "wal";

/** One `open` call. */
export interface VfsOpenRequest {
  /** The name as SQLite knows it, without URI parameters; absent for a nameless temporary file. */
  readonly name: string | undefined;
  readonly kind: VfsFileKind;
  readonly readOnly: boolean;
  /** Make the file if it does not exist. */
  readonly create: boolean;
  /** The file must vanish when it is closed. */
  readonly deleteOnClose: boolean;
}

/** SQLite's five lock levels, in ascending order. */
export const LOCK_NONE = 0;
export const LOCK_SHARED = 1;
export const LOCK_RESERVED = 2;
export const LOCK_PENDING = 3;
export const LOCK_EXCLUSIVE = 4;

/** One of the five constants above. */
export type LockLevel = 0 | 1 | 2 | 3 | 4;

/** The files that one connection can see. */
export interface Vfs {
  /** For messages only; the engine registers it under a name of its own. */
  readonly name: string;

  /**
   * Opens or makes a file. SQLite reads the first 100 bytes of a main file at once, before any
   * lock. Throws `SqliteError` to refuse (`SQLITE_CANTOPEN`, `SQLITE_PERM`, …).
   */
  open(request: VfsOpenRequest): VfsFile;

  /** Removes a file. A name that does not exist is not an error. */
  delete(name: string): void;

  /**
   * Whether `open` without `create` would find this name. Asked about journals at every first read.
   */
  exists(name: string): boolean;
}

/** How a page that is not here should be brought here. */
export interface FetchRequest {
  /** Aborted when the caller gives the statement up. */
  readonly signal: AbortSignal;
  /**
   * How often the statement has been run again because of a miss: 0 under JSPI, where a miss costs
   * only itself. Every rerun costs a whole run, so a file should fetch ever wider with this number.
   */
  readonly rerunCount: number;
  /** What `prepare` and `setOwner` were given for the statement that runs. */
  readonly owner?: object | undefined;
}

/** The answer to `PRAGMA name` or `PRAGMA name = value`. */
export type PragmaAnswer =
  /** Not ours: SQLite handles the pragma itself. */
  | { readonly kind: "unknown" }
  /** One row with one column. */
  | { readonly kind: "value"; readonly text: string }
  /** The statement fails with this code and message. */
  | { readonly kind: "error"; readonly code: number; readonly message: string }
  /**
   * `run` is awaited, and its text is the answer: put all that the pragma does into it. SQLite may
   * ask for the same pragma again before `run` is called, and calls it once for each statement. A
   * rejection fails the statement, with the rejection as cause.
   */
  | { readonly kind: "async"; readonly run: (signal: AbortSignal) => Promise<string> };

/**
 * One open file. Offsets and sizes are bytes, up to 2^53 − 1.
 *
 * The guarantee asked of it: `read` answers what `write` and `truncate` left, in the order of the
 * calls; nothing else changes the bytes while SQLite holds a lock of at least `LOCK_SHARED`.
 */
export interface VfsFile {
  /** Bytes per atomic write as SQLite should assume; 0 lets SQLite take 4096. */
  readonly sectorSize: number;

  /** Or-ed `SQLITE_IOCAP_…` bits. Claim only what holds for every size and offset. */
  readonly deviceCharacteristics: number;

  /**
   * Fills `target` from `offset`. Answers `SQLITE_OK`; `SQLITE_IOERR_SHORT_READ` at the end of the
   * file, with the rest of `target` zeroed; `MISS`; or an error code. Must neither wait nor
   * allocate. `target` is a view of the WASM heap: valid during this call only.
   */
  read(target: Uint8Array, offset: number): number;

  /**
   * After a `MISS`: makes these bytes available; `read` is called again when it resolves. A
   * rejection fails the read with the code of the error (`SqliteError`), else with `SQLITE_IOERR`.
   * In a statement that writes, a code that SQLite would not answer with a rollback (`SQLITE_BUSY`,
   * say) is passed on as `SQLITE_IOERR`: half a statement must not stay in the transaction.
   */
  fetch(offset: number, size: number, request: FetchRequest): Promise<void>;

  /**
   * Stores `bytes` at `offset`, growing the file when needed. `bytes` is a view of the WASM heap:
   * copy what is kept.
   */
  write(bytes: Uint8Array, offset: number): number;

  /** Cuts the file to `size`. */
  truncate(size: number): number;

  /**
   * `xSync`. For the main file it always comes after `commitPoint`, and not with `synchronous=OFF`.
   */
  sync(): number;

  /** Size in bytes. Throws to fail. */
  size(): number;

  /** Raises the lock to `level`: `SQLITE_OK`, `SQLITE_BUSY`, `SQLITE_BUSY_SNAPSHOT`, … */
  lock(level: LockLevel): number;

  /** Lowers the lock to `LOCK_SHARED` or `LOCK_NONE`. SQLite cannot report a failure from here. */
  unlock(level: LockLevel): number;

  /** Whether any connection holds `LOCK_RESERVED` or more. */
  isReserved(): boolean;

  /**
   * `FCNTL_SYNC`: everything of this transaction has been written; whatever is answered here is
   * what COMMIT reports. On the main file this is **the commit point**. After an error SQLite
   * writes the original pages back and calls this a second time, which must succeed at once. Answer
   * no plain `SQLITE_BUSY`: it means "call COMMIT again", and leaves the transaction open. `MISS`
   * means that the commit has to wait: see `commit`.
   */
  commitPoint(): number;

  /**
   * After a `commitPoint` that answered `MISS`: does the commit. Then `commitPoint` is called again
   * and answers for it. A rejection is what COMMIT reports. It cannot be aborted: a commit that has
   * begun ends one way or the other.
   */
  commit(): Promise<void>;

  /** `FCNTL_COMMIT_PHASETWO`: the transaction is over, the journal is gone. */
  commitPhaseTwo(): number;

  /** A pragma that SQLite asks the file about before it looks at its own. `name` is as written. */
  pragma(name: string, value: string | undefined): PragmaAnswer;

  /**
   * Ends the use of the file, in whatever state: after a crash of SQLite it comes with locks held
   * and a transaction half written. Locks are released, and what was not committed is forgotten.
   * Never waits, never fails.
   */
  close(): void;
}
