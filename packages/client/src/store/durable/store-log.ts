/**
 * How changes of a store become durable: put together, written, flushed, and only then applied.
 *
 * Records about the cache (fetched, dropped) are applied first and written later, but always before what
 * comes after them: losing them loses cached pages and nothing else.
 */
import { GraftError, type PageSet } from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import { encodeChange } from "./change-codec.ts";
import { appendCommit, type CommitToWrite } from "./commit-body.ts";
import { switchGeneration } from "./generation.ts";
import { applyChange, CHANGE_KINDS, type LogChange } from "./log-change.ts";
import type { StoreDisk } from "./store-disk.ts";

/** Waiting cache records are written when they have this size. Not flushed. */
const BUFFERED_SIZE_MAX = 64 * 1024;
/** Fetched pages one record names: 32 KiB of them. */
const FETCHED_COUNT_MAX = 4096;
const LOG_SIZE_MIN = 1024 * 1024;
const LOG_SIZE_MAX = 16 * 1024 * 1024;
/** Bytes of index a page takes. */
const INDEX_ENTRY_SIZE = 16;
/** Slots that wait for a flush before one is made for their sake. */
const WAITING_COUNT_MIN = 64;

type FetchedChange = Extract<LogChange, { kind: "fetched" }>;
type OtherChange = Exclude<LogChange, { kind: "commit" | "fetched" | "dropped" }>;

export class StoreLog {
  readonly #disk: StoreDisk;
  /** Fetched pages that are in no record yet, all of one version. */
  #fetched: { readonly version: number; readonly pages: [page: number, location: Location][] } = {
    version: 0,
    pages: [],
  };
  /** After a switch failed, the size at which the next one is tried. */
  #switchAt = 0;

  constructor(disk: StoreDisk) {
    this.#disk = disk;
  }

  /**
   * THE LOCAL COMMIT POINT is the flush in here (the write, when `isDurable` is false).
   *
   * @throws GraftError `io`: nothing was committed
   */
  commit(commit: CommitToWrite, isDurable: boolean): void {
    const { pages, replica } = this.#disk;
    this.#mustTakeRecords();
    this.#addFetched();
    const { log } = this.#disk;
    const change = log.writing(() => appendCommit(log, pages.codec, commit));
    if (isDurable) this.#flush();
    applyChange(replica, change);
    this.#switchWhenLong();
  }

  /** Makes any other change durable and applies it. @throws GraftError `io`: nothing was changed */
  change(change: OtherChange): void {
    this.#mustTakeRecords();
    this.#addFetched();
    const { log } = this.#disk;
    log.writing(() => log.append(CHANGE_KINDS[change.kind], encodeChange(change)));
    this.#flush();
    applyChange(this.#disk.replica, change);
    this.#switchWhenLong();
  }

  /** A page of the latest snapshot was put somewhere. */
  noteFetched(version: number, page: number, location: Location): void {
    if (this.#fetched.version !== version || this.#fetched.pages.length >= FETCHED_COUNT_MAX) {
      this.#addFetched();
      this.#fetched = { version, pages: [] };
    }
    this.#fetched.pages.push([page, location]);
    if (this.#fetched.pages.length >= FETCHED_COUNT_MAX) this.#writeWhenMany();
  }

  /** Pages of the latest snapshot are here no more. */
  noteDropped(pages: PageSet): void {
    this.#addFetched();
    const { log } = this.#disk;
    if (log.isBroken) return;
    log.append(CHANGE_KINDS.dropped, encodeChange({ kind: "dropped", pages }));
    this.#writeWhenMany();
  }

  /**
   * Flushes when slots wait for it, many of them unless `isUrgent`, and none is free: a cache that only
   * turns over never commits.
   */
  makeRoom(isUrgent: boolean): void {
    const { slots } = this.#disk.pages;
    const countMin = isUrgent ? 1 : Math.max(WAITING_COUNT_MIN, slots.count / 16);
    if (slots.freeCount > 0 || slots.waitingCount < countMin) return;
    if (this.#disk.log.isBroken) return;
    this.#addFetched();
    this.#flush();
  }

  /** Makes everything durable and closes the log. */
  close(): void {
    const { log } = this.#disk;
    try {
      if (log.isBroken) return;
      this.#addFetched();
      this.#flush();
    } finally {
      this.#disk.log.close();
    }
  }

  #addFetched(): void {
    const { log } = this.#disk;
    const { version, pages } = this.#fetched;
    if (pages.length === 0) return;
    if (!log.isBroken) {
      const change: FetchedChange = { kind: "fetched", version, pages };
      log.append(CHANGE_KINDS.fetched, encodeChange(change));
    }
    this.#fetched = { version, pages: [] };
  }

  /** The cache is worth no error: what cannot be written now is tried again with the next change. */
  #writeWhenMany(): void {
    const { log } = this.#disk;
    if (log.isBroken || log.bufferedSize < BUFFERED_SIZE_MAX) return;
    try {
      log.write();
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
    }
    this.#switchWhenLong();
  }

  /** Makes the log durable, and frees the slots its records let go. */
  #flush(): void {
    const { log, mark, pages } = this.#disk;
    try {
      log.sync();
    } catch (error) {
      this.#startAfresh();
      throw error;
    }
    pages.slots.settle();
    mark.write({ generation: log.generation, size: log.syncedSize });
  }

  /** What failed to be flushed may be on the disk all the same: a new generation makes sure it is not. */
  #startAfresh(): void {
    try {
      switchGeneration(this.#disk);
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
    }
  }

  /** After a failed flush nothing is recorded until the state is safe in a new generation. */
  #mustTakeRecords(): void {
    if (this.#disk.log.isBroken) switchGeneration(this.#disk);
  }

  /** A switch that fails is tried again later: the change that brought it about is safe already. */
  #switchWhenLong(): void {
    const { log, pages, pageSize = 0 } = this.#disk;
    const pageBytes = pages.slots.count * pageSize;
    const indexBytes = this.#disk.replica.history.storedCount * INDEX_ENTRY_SIZE;
    const byPages = Math.min(LOG_SIZE_MAX, pageBytes / 8);
    const sizeMax = Math.max(LOG_SIZE_MIN, byPages, indexBytes * 2);
    if (log.size < Math.max(sizeMax, this.#switchAt)) return;
    try {
      switchGeneration(this.#disk);
      this.#switchAt = 0;
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      this.#switchAt = log.size + LOG_SIZE_MIN;
    }
  }
}
