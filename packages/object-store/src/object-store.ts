/**
 * An object store: bytes by key, each object written at once and read at once.
 *
 * Guarantees an implementation gives:
 * - **Atomic**: a reader sees all of an object or nothing of it.
 * - **Durable and visible**: when `put` or `create` resolved, every later `get`, from any process,
 *   sees it.
 * - **Create-only**: of any number of racing `create` calls for one key exactly one answers
 *   "created".
 * - **Unknown outcomes are errors**: `create` answers "exists" only when the store said so. After
 *   an `unavailable` error, or an abort, the object may or may not be there, now or a little later.
 * - A missing key is `undefined`, not an error. Listing order is not promised.
 *
 * Keys are `/`-separated, without empty, `.` or `..` parts, at most 512 bytes of `A-Z a-z 0-9 - _ .
 * /` (`object-path.ts` checks). No key may be the folder of another: `a` beside `a/b` is not
 * promised to work. Errors are `GraftError`: `unavailable` (try again), `permission-denied`,
 * `invalid-argument` (key, range, or a store that is set up wrongly), `not-found` (the bucket),
 * `io`, `resource-exhausted` (an object over `OBJECT_SIZE_MAX`), `corrupt` (the store returned
 * other bytes than it announced). An aborted call rejects with the signal's reason.
 */
export interface ObjectStore {
  /** What a person calls this store, without credentials: "s3://bucket/prefix". */
  readonly name: string;
  /**
   * The object's bytes, or a part of them; undefined when there is none. The caller owns the bytes.
   */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;
  /** The object's size; undefined when there is none. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;
  /** Writes the object, replacing one that is there. */
  put(key: string, body: ObjectBody, options?: CallOptions): Promise<void>;
  /** Writes the object unless one is there: the one conditional write everything rests on. */
  create(key: string, body: ObjectBody, options?: CallOptions): Promise<"created" | "exists">;
  /** Removes the object; a missing one is fine. */
  delete(key: string, options?: CallOptions): Promise<void>;
  /**
   * All objects whose key starts with the prefix (it need not end at a `/`). Dear: never on a hot
   * path.
   */
  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject>;
  /**
   * The store's own wall clock now, ms since 1970, to about a second: its last answer's date plus
   * the time since. Undefined where it gives none.
   */
  serverTimeMs(): number | undefined;
  /** Lets go of connections. Calls under way fail as `unavailable`. */
  close(): Promise<void>;
}

/** The kinds of calls, as metrics and fault plans name them. */
export type ObjectStoreOperation = "get" | "head" | "put" | "create" | "delete" | "list";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends CallOptions {
  readonly range?: ObjectRange | undefined;
}

/**
 * Bytes [offset, offset + size), cut at the end of the object (nothing beyond it); or its last
 * `suffix` bytes, all of a shorter one. `size` and `suffix` are at least 1.
 */
export type ObjectRange =
  | { readonly offset: number; readonly size: number }
  | { readonly suffix: number };

export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Bytes of the whole object, also when a range was read. */
  readonly size: number;
}

export interface ObjectInfo {
  readonly size: number;
}

export interface ListedObject {
  readonly key: string;
  readonly size: number;
}

/** The parts are written one after the other. They must not change until the call has resolved. */
export type ObjectBody = Uint8Array | readonly Uint8Array[];

/**
 * No object of Graft is larger than a segment of 32 MiB; eight times that is refused, not buffered.
 */
export const OBJECT_SIZE_MAX: number = 256 * 1024 * 1024;
