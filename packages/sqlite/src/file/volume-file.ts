/**
 * SQLite's main database file on a volume: a snapshot while it is locked, and under RESERVED the
 * volume's write transaction on top.
 *
 * The rules of the commit (each has a test in volume-file.test.ts or database.commit.test.ts):
 * 1. `FCNTL_SYNC` (`commitPoint`) is the commit point, and nothing else is. Unlocking never
 *    commits.
 * 2. The page count of a commit is what page 1 says (bytes 28–31) as the transaction leaves it,
 *    never the size of the file: SQLite truncates after the commit point, and that is absorbed.
 * 3. Page 1 is compared under its mask. A transaction equal to its base makes no commit.
 * 4. A rollback of what was written here, after a commit that failed too, writes the original pages
 *    back and syncs: that succeeds and commits nothing. The change counter tells the two apart: a
 *    commit always moves it, a rollback puts it back. What is left may differ from the base: free
 *    pages that the transaction had taken are not written back.
 * 5. Releasing the lock ends the write transaction, whatever happened before.
 *
 * The change counter that SQLite sees is the volume's version plus an offset of this file: after a
 * commit of ours it is what SQLite itself wrote, so that it keeps its page cache; with every
 * version made elsewhere it moves on, so that it drops it.
 */

import type { Volume, VolumeReader, VolumeWriter } from "@graft/client";
import {
  invariant,
  orAborted,
  type PageIndex,
  pageRange,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import {
  type FetchRequest,
  LOCK_NONE,
  LOCK_RESERVED,
  LOCK_SHARED,
  type LockLevel,
  MISS,
  type PragmaAnswer,
  SQLITE_BUSY,
  SQLITE_BUSY_SNAPSHOT,
  SQLITE_OK,
  SQLITE_READONLY,
  SqliteError,
  type VfsFile,
} from "@graft/sqlite-engine";
import { baseOf, type LockState, nextLockState } from "../lock-state.ts";
import { toSqliteError, type VfsOperation } from "../sqlite-error.ts";
import { DirtyPageOne } from "./dirty-page-one.ts";
import { widening } from "./fetch-width.ts";
import { HeldReader } from "./held-reader.ts";
import { PageOneCache } from "./page-one-cache.ts";
import { mustBePageSize } from "./page-size-rule.ts";
import { ReadSet } from "./read-set.ts";
import { shortRead } from "./short-read.ts";
import type { VolumeFileHost } from "./volume-file-host.ts";

/** `SAFE_APPEND | SEQUENTIAL | POWERSAFE_OVERWRITE`: true of every size and offset here. */
const DEVICE_CHARACTERISTICS = 0x0200 | 0x0400 | 0x1000;

export interface VolumeFileOptions {
  readonly volume: Volume;
  readonly host: VolumeFileHost;
  readonly isReadOnly: boolean;
}

type State = LockState<VolumeReader, VolumeWriter>;

/** One connection's use of one volume. */
export class VolumeFile implements VfsFile {
  readonly volume: Volume;
  /** Whole pages are written, and neighbours are not touched: SQLite may journal page by page. */
  readonly sectorSize = 512;
  readonly deviceCharacteristics: number = DEVICE_CHARACTERISTICS;
  readonly #host: VolumeFileHost;
  readonly #isReadOnly: boolean;
  readonly #pageSize: number;
  readonly #scratch: Uint8Array;
  readonly #pageOne: PageOneCache;
  #state: State = { kind: "idle" };
  /** Where pages are read while locked: the writer, else the reader. */
  #pages: VolumeReader | VolumeWriter | undefined;
  /** Size of the file as SQLite left it, bytes; while locked. */
  #size = 0;
  /** Counter that SQLite sees minus version of the volume. */
  #counterOffset = 0;
  readonly #dirtyPageOne: DirtyPageOne;
  readonly #held = new HeldReader();
  readonly #reads = new ReadSet();
  /** While `committed`: the page count that the commit made. */
  #committedPageCount = 0;

  constructor(options: VolumeFileOptions) {
    this.volume = options.volume;
    this.#host = options.host;
    this.#isReadOnly = options.isReadOnly;
    this.#pageSize = options.volume.pageSize;
    this.#scratch = new Uint8Array(this.#pageSize);
    this.#pageOne = new PageOneCache(this.#pageSize);
    this.#dirtyPageOne = new DirtyPageOne(this.#pageSize);
  }

  /** The snapshot under the lock; undefined while there is none. */
  get reader(): VolumeReader | undefined {
    return this.#state.kind === "idle" ? undefined : this.#state.reader;
  }

  /** Whether it is locked to read, on what is still the latest snapshot. */
  get isOnLatest(): boolean {
    return this.#state.kind === "shared" && this.#state.reader.isLatest;
  }

  /** Whether a write transaction is open. */
  get isWriting(): boolean {
    return this.#state.kind === "reserved" || this.#state.kind === "exclusive";
  }

  read(target: Uint8Array, offset: number): number {
    const pages = this.#pages;
    if (pages === undefined) return this.#readUnlocked(target, offset);
    try {
      const size = this.#pageSize;
      if (target.length === size && offset >= size && offset % size === 0) {
        if (offset >= this.#size) return shortRead(target, 0);
        const index = (offset / size + 1) as PageIndex;
        this.#reads.add(index);
        return pages.read(index, target) ? SQLITE_OK : this.#held.noteMiss();
      }
      return this.#readParts(pages, target, offset);
    } catch (error) {
      throw toSqliteError(error, "read");
    }
  }

  async fetch(at: number, size: number, request: FetchRequest): Promise<void> {
    const { signal, owner, rerunCount } = request;
    const state = this.#state;
    const reader = state.kind === "idle" ? this.volume.openReader() : baseOf(state);
    try {
      const first = Math.floor(at / this.#pageSize) + 1;
      const touched = Math.ceil((at + size) / this.#pageSize);
      const last = Math.min(touched + widening(rerunCount), Math.max(reader.pageCount, 1));
      const fetched = reader.fetch(pageRange(first, last), signal, this.#host.need(owner));
      await orAborted(fetched, this.#host.closing);
      if (state.kind === "idle") this.#held.hold(reader);
      else this.#held.noteFetched();
    } catch (error) {
      if (state.kind === "idle") reader.close();
      throw toSqliteError(error, "read");
    }
  }

  write(bytes: Uint8Array, offset: number): number {
    mustBePageSize(this.#pageSize, bytes.length);
    return this.#attempt("write", () => {
      const writer = this.#mustHaveWriter();
      const index = toPageIndex(offset / this.#pageSize + 1);
      if (index === 1) {
        this.#dirtyPageOne.write(bytes);
        this.#reads.noteWritten(this.#dirtyPageOne.stated?.counter ?? 0);
      } else {
        writer.write(index, bytes);
      }
      // SQLite keeps it after the commit, and never reads it.
      this.#reads.add(index);
      this.#size = Math.max(this.#size, offset + bytes.length);
    });
  }

  truncate(size: number): number {
    if (this.#state.kind === "committed" && size === this.#committedPageCount * this.#pageSize) {
      this.#size = size;
      return SQLITE_OK;
    }
    return this.#attempt("truncate", () => {
      this.#mustHaveWriter();
      // Dirty pages above stay with the writer; the page count of the commit leaves them out.
      this.#size = size;
    });
  }

  size(): number {
    if (this.#state.kind !== "idle") return this.#size;
    const reader = this.volume.openReader();
    const size = reader.pageCount * this.#pageSize;
    reader.close();
    return size;
  }

  lock(level: LockLevel): number {
    try {
      if (level === LOCK_SHARED) return this.#share();
      if (level === LOCK_RESERVED) return this.#reserve();
      this.#become(nextLockState(this.#state, { kind: "exclude" }));
      return SQLITE_OK;
    } catch (error) {
      throw toSqliteError(error, "lock");
    }
  }

  unlock(level: LockLevel): number {
    const before = this.#state;
    if (before.kind === "idle") return SQLITE_OK;
    if ("writer" in before) before.writer.rollback();
    this.#become(nextLockState(before, { kind: level === LOCK_NONE ? "release" : "downgrade" }));
    if (level === LOCK_NONE) before.reader.close();
    else this.#size = before.reader.pageCount * this.#pageSize;
    this.#dirtyPageOne.clear();
    if (level === LOCK_NONE) {
      this.#held.endLock();
      this.#host.onRelease(this);
    }
    return SQLITE_OK;
  }

  isReserved(): boolean {
    return this.isWriting || this.#state.kind === "committed";
  }

  commitPoint(): number {
    const state = this.#state;
    if (state.kind === "committed") return SQLITE_OK;
    try {
      invariant("writer" in state, `a commit holds RESERVED, the file is "${state.kind}"`);
      if (this.#isRolledBack(state.reader)) return SQLITE_OK;
      const base = this.#pageOne.load(state.writer.base);
      if (base === undefined) return MISS;
      this.#commit(state.reader, state.writer, base);
      return SQLITE_OK;
    } catch (error) {
      throw toSqliteError(error, "commit");
    }
  }

  /** Only page 1 of the base can be missing at the commit point. */
  async commit(): Promise<void> {
    const state = this.#state;
    try {
      invariant("writer" in state, `a commit holds RESERVED, the file is "${state.kind}"`);
      await state.writer.base.fetch(pageRange(1, 1));
    } catch (error) {
      throw toSqliteError(error, "commit");
    }
  }

  pragma(name: string, value: string | undefined): PragmaAnswer {
    return this.#host.pragma(this, name, value);
  }

  close(): void {
    this.unlock(LOCK_NONE);
    this.#held.close();
    this.#host.onClose(this);
  }

  /** A commit is durable at its commit point. */
  sync(): number {
    return SQLITE_OK;
  }

  commitPhaseTwo(): number {
    return SQLITE_OK;
  }

  #share(): number {
    if (this.#state.kind !== "idle") return SQLITE_OK;
    const reader = this.volume.openReader();
    this.#become(nextLockState(this.#state, { kind: "share", reader }));
    this.#size = reader.pageCount * this.#pageSize;
    return SQLITE_OK;
  }

  #reserve(): number {
    const state = this.#state;
    if (state.kind !== "shared") return SQLITE_OK;
    if (this.#isReadOnly) return SQLITE_READONLY;
    const writer = this.volume.openWriter();
    if (writer === undefined) return SQLITE_BUSY;
    if (writer.base.version !== state.reader.version) {
      writer.rollback();
      return SQLITE_BUSY_SNAPSHOT;
    }
    this.#become(nextLockState(state, { kind: "reserve", writer }));
    return SQLITE_OK;
  }

  /** Rule 4. Of an empty file SQLite was shown no counter. */
  #isRolledBack(reader: VolumeReader): boolean {
    if (reader.pageCount === 0) return this.#size === 0;
    return this.#dirtyPageOne.isPutBack(reader.version + this.#counterOffset);
  }

  /** THE COMMIT, unless there is nothing to commit. On an error the writer stays open (rule 4). */
  #commit(reader: VolumeReader, writer: VolumeWriter, base: Uint8Array): void {
    const { bytes: dirty, stated } = this.#dirtyPageOne;
    const pageCount = toPageCount(stated?.pageCount ?? writer.base.pageCount);
    const changed = dirty !== undefined && this.#pageOne.differs(dirty);
    if (changed || this.#dirtyPageOne.isHanded) {
      this.#dirtyPageOne.isHanded = true;
      writer.write(toPageIndex(1), changed ? this.#pageOne.toStored(dirty) : base);
    }
    // On the commit itself: another process may have committed right behind it.
    const { pages: reads } = this.#reads;
    const note = this.#host.noteOf(this);
    const outcome = writer.commit({ ...note, reads, pageCount, opensReader: true });
    const next = outcome.kind === "unchanged" ? reader : outcome.reader;
    invariant(next !== undefined, "a commit comes with a reader on it");
    // NOTE: when news was taken in below the commit it is the version before the commit's, which is
    // what SQLite makes of its cache; under the next lock it sees a further one, and drops that.
    const { version } = next;
    if (next !== reader) reader.close();
    this.#become(nextLockState(this.#state, { kind: "commit", reader: next }));
    this.#committedPageCount = pageCount;
    this.#pageOne.noteCommitted(version);
    if (dirty !== undefined && stated !== undefined) {
      this.#counterOffset = stated.counter - version;
      this.#pageOne.put(version, changed ? this.#pageOne.toStored(dirty) : base);
    }
    this.#dirtyPageOne.clear();
  }

  /**
   * The open write transaction. Past the commit point there is none, and only the rollback of a
   * transaction over several files, of which another one failed, may write there: it becomes a
   * commit of its own that takes the first one back.
   */
  #mustHaveWriter(): VolumeWriter {
    const state = this.#state;
    if ("writer" in state) return state.writer;
    invariant(
      state.kind === "committed" && this.#host.hasSeveralFiles(),
      `nothing is written outside a transaction or after its commit point, in "${state.kind}"`,
    );
    const writer = this.volume.openWriter();
    if (writer?.base.version !== state.reader.version) {
      writer?.rollback();
      throw new SqliteError(
        SQLITE_BUSY_SNAPSHOT,
        "this database was committed before another attached one failed, and cannot be taken back",
      );
    }
    this.#become(nextLockState(state, { kind: "reopen", writer }));
    return writer;
  }

  #become(state: State): void {
    this.#state = state;
    this.#pages =
      state.kind === "idle" ? undefined : "writer" in state ? state.writer : state.reader;
  }

  /** Reads of page 1, of parts of pages, and of several. */
  #readParts(pages: VolumeReader | VolumeWriter, target: Uint8Array, offset: number): number {
    const end = Math.min(offset + target.length, this.#size);
    for (let at = offset; at < end; ) {
      const page = this.#pageAt(pages, Math.floor(at / this.#pageSize) + 1);
      if (page === undefined) return this.#held.noteMiss();
      const start = at % this.#pageSize;
      const count = Math.min(this.#pageSize - start, end - at);
      target.set(page.subarray(start, start + count), at - offset);
      at += count;
    }
    if (end === offset + target.length) return SQLITE_OK;
    return shortRead(target, Math.max(0, end - offset));
  }

  /** A page as SQLite sees it, valid until the next call; undefined when it is not here. */
  #pageAt(pages: VolumeReader | VolumeWriter, index: number): Uint8Array | undefined {
    if (index > 1) {
      this.#reads.add(index);
      return pages.read(toPageIndex(index), this.#scratch) ? this.#scratch : undefined;
    }
    const { bytes: dirty } = this.#dirtyPageOne;
    if (dirty !== undefined) return dirty;
    const reader = "base" in pages ? pages.base : pages;
    if (this.#pageOne.load(reader) === undefined) return undefined;
    const counter = reader.version + this.#counterOffset;
    this.#reads.show(counter);
    this.#reads.add(index);
    return this.#pageOne.seen(counter, reader);
  }

  /** SQLite reads the header once without a lock, when it opens the file. */
  #readUnlocked(target: Uint8Array, offset: number): number {
    this.#share();
    try {
      return this.read(target, offset);
    } finally {
      this.unlock(LOCK_NONE);
    }
  }

  #attempt(operation: VfsOperation, run: () => void): number {
    try {
      run();
      return SQLITE_OK;
    } catch (error) {
      throw toSqliteError(error, operation);
    }
  }
}
