/**
 * One snapshot as the only file of a SQLite that runs in a thread of its own. A page that is read
 * for the first time is touched, fetched while the thread sleeps, and kept for the run.
 */
import { invariant } from "@graft/core";
import {
  LOCK_RESERVED,
  type LockLevel,
  type PragmaAnswer,
  SQLITE_CANTOPEN,
  SQLITE_FULL,
  SQLITE_IOERR_READ,
  SQLITE_IOERR_SHORT_READ,
  SQLITE_OK,
  SqliteError,
  type Vfs,
  type VfsFile,
  type VfsOpenRequest,
} from "@graft/sqlite-engine";

/** Where pages come from. */
export interface PageFeed {
  readonly pageSize: number;
  readonly pageCount: number;
  /** Waits for the page: a view, valid until the next call. Undefined: it cannot be had. */
  read(index: number): Uint8Array | undefined;
}

/** The name under which the snapshot is opened. */
export const SNAPSHOT_NAME = "snapshot.db";

/** Bytes 18 and 19 of page 1: 2 asks for a write-ahead log, which no snapshot has. */
const FORMAT_OFFSETS = [18, 19] as const;
const FORMAT_ROLLBACK = 1;

export class SnapshotVfs implements Vfs {
  readonly name = "snapshot";
  #feed: PageFeed | undefined;

  /** The snapshot of the run that begins. */
  use(feed: PageFeed): void {
    this.#feed = feed;
  }

  open({ name, kind }: VfsOpenRequest): VfsFile {
    if (kind === "main" && name === SNAPSHOT_NAME && this.#feed !== undefined) {
      return new SnapshotFile(this.#feed);
    }
    throw new SqliteError(SQLITE_CANTOPEN, `a run has one file, not a ${kind}`);
  }

  delete(): void {
    // There is nothing beside the snapshot.
  }

  exists(): boolean {
    return false;
  }
}

class SnapshotFile implements VfsFile {
  readonly sectorSize = 0;
  readonly deviceCharacteristics = 0;
  readonly #feed: PageFeed;
  readonly #pages = new Map<number, Uint8Array>();
  #level: LockLevel = 0;

  constructor(feed: PageFeed) {
    this.#feed = feed;
  }

  read(target: Uint8Array, offset: number): number {
    const { pageSize, pageCount } = this.#feed;
    const end = Math.min(offset + target.length, pageSize * pageCount);
    for (let at = offset; at < end; ) {
      const start = at % pageSize;
      const size = Math.min(pageSize - start, end - at);
      const page = this.#page((at - start) / pageSize + 1);
      if (page === undefined) return SQLITE_IOERR_READ;
      target.set(page.subarray(start, start + size), at - offset);
      at += size;
    }
    if (end === offset + target.length) return SQLITE_OK;
    target.fill(0, Math.max(0, end - offset));
    return SQLITE_IOERR_SHORT_READ;
  }

  #page(index: number): Uint8Array | undefined {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    const page = this.#feed.read(index)?.slice();
    if (page === undefined) return undefined;
    if (index === 1) for (const at of FORMAT_OFFSETS) page[at] = FORMAT_ROLLBACK;
    this.#pages.set(index, page);
    return page;
  }

  async fetch(): Promise<void> {
    invariant(false, "a read in a thread of its own never misses");
  }

  /** What a statement changes stays in SQLite's memory; when that is full, it ends. */
  write(): number {
    return SQLITE_FULL;
  }

  truncate(): number {
    return SQLITE_FULL;
  }

  sync(): number {
    return SQLITE_OK;
  }

  size(): number {
    return this.#feed.pageSize * this.#feed.pageCount;
  }

  lock(level: LockLevel): number {
    this.#level = level;
    return SQLITE_OK;
  }

  unlock(level: LockLevel): number {
    this.#level = level;
    return SQLITE_OK;
  }

  isReserved(): boolean {
    return this.#level >= LOCK_RESERVED;
  }

  /** Nothing is ever committed. */
  commitPoint(): number {
    return SQLITE_FULL;
  }

  async commit(): Promise<void> {
    invariant(false, "a commit point that fails waits for nothing");
  }

  commitPhaseTwo(): number {
    return SQLITE_OK;
  }

  pragma(): PragmaAnswer {
    return { kind: "unknown" };
  }

  close(): void {
    this.#pages.clear();
  }
}
