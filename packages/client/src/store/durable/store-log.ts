/**
 * How changes of a store become durable: put together, written, flushed, and only then applied.
 *
 * Records about the cache (fetched, dropped) are applied first and written later: losing them loses
 * cached pages and nothing else.
 */
import { GraftError, type PageSet } from "@graft/core";
import { ABSENT, type Location } from "../history/page-chains.ts";
import { encodeChange } from "./change-codec.ts";
import { appendCommit, type CommitToWrite } from "./commit-body.ts";
import { switchGeneration } from "./generation.ts";
import { isSlot } from "./location.ts";
import { applyChange, CHANGE_KINDS, type LogChange } from "./log-change.ts";
import { isSparse } from "./move-pages.ts";
import type { PageFile } from "./page-file.ts";
import type { StoreDisk } from "./store-disk.ts";

/** Records of the cache are written when they have this size. Not flushed. */
const BUFFERED_SIZE_MAX = 64 * 1024;
/**
 * Fetched pages are recorded when so many are not: an eighth of the cache, which is what kill -9
 * may lose of it. 4096 pages of 4 KiB are flushed in some 30 ms.
 */
export const FETCHED_COUNT_MIN_DEFAULT = 64;
const FETCHED_COUNT_MAX = 4096;
/** A log of this size is worth a new generation, whatever the size of the store. */
export const LOG_SIZE_MIN_DEFAULT: number = 4 * 1024 * 1024;
/** A log beyond it makes opening slow, however large the store is. */
const LOG_SIZE_MAX = 16 * 1024 * 1024;
/** A log of this size, or of a sixteenth of the pages, is emptied when the store is closed. */
const LOG_SHARE = 16;
const LOG_SIZE_CLOSED_MAX = 64 * 1024;
/** Bytes of index a page takes. */
const INDEX_ENTRY_SIZE = 16;
/** Slots that wait for a flush before one is made for their sake. */
const WAITING_COUNT_MIN = 64;

type OtherChange = Exclude<LogChange, { kind: "commit" | "fetched" | "dropped" }>;

export interface StoreLogOptions {
  /** Bytes of log below which no new generation is begun. */
  readonly logSizeMin: number;
  /** Fetched pages below which they are not recorded yet. */
  readonly fetchedCountMin: number;
}

export class StoreLog {
  readonly #disk: StoreDisk;
  readonly #options: StoreLogOptions;
  /** Versions of fetched pages that are in no record yet, by page. */
  readonly #unrecorded = new Map<number, number>();
  /** After a switch failed, the size at which the next one is tried. */
  #switchAt = 0;

  constructor(disk: StoreDisk, options: StoreLogOptions) {
    this.#disk = disk;
    this.#options = options;
  }

  /**
   * THE LOCAL COMMIT POINT is the flush in here (the write, when `isDurable` is false).
   *
   * @throws GraftError `io`: nothing was committed
   */
  commit(commit: CommitToWrite, isDurable: boolean): void {
    const { pages, replica } = this.#disk;
    this.#mustTakeRecords();
    const { log } = this.#disk;
    const change = this.#writing(() => appendCommit(log, pages.codec, commit));
    if (isDurable) this.#flush();
    applyChange(replica, change);
    this.#switchWhenLong();
  }

  /** Makes any other change durable and applies it. @throws GraftError `io`: nothing was changed */
  change(change: OtherChange): void {
    this.#mustTakeRecords();
    const { log } = this.#disk;
    this.#writing(() => log.append(CHANGE_KINDS[change.kind], encodeChange(change)));
    this.#flush();
    applyChange(this.#disk.replica, change);
    this.#switchWhenLong();
  }

  /** `change` for what saves work and nothing else: without it the work is done again. */
  changeIfPossible(change: OtherChange): void {
    this.#tolerating(() => this.change(change));
  }

  /** A page of the latest snapshot has a place now. */
  noteFetched(page: number, version: number): void {
    this.#unrecorded.set(page, version);
    const share = this.#disk.replica.history.storedCount / 8;
    const countMax = Math.min(FETCHED_COUNT_MAX, Math.max(this.#options.fetchedCountMin, share));
    if (this.#unrecorded.size < countMax) return;
    this.#tolerating(() => this.#recordFetched());
    this.#switchWhenLong();
  }

  /** Pages of the latest snapshot are here no more. */
  noteDropped(pages: PageSet): void {
    const { log } = this.#disk;
    if (log.isBroken) return;
    log.append(CHANGE_KINDS.dropped, encodeChange({ kind: "dropped", pages }));
    if (log.bufferedSize < BUFFERED_SIZE_MAX) return;
    this.#tolerating(() => log.write());
    this.#switchWhenLong();
  }

  /**
   * Flushes when many slots wait for it and none is free: a cache that only turns over never
   * commits.
   */
  makeRoom(): void {
    const { slots } = this.#disk.pages;
    if (slots.freeCount > 0) return;
    if (slots.waitingCount < Math.max(WAITING_COUNT_MIN, slots.count / 16)) return;
    if (this.#disk.log.isBroken) return;
    this.#flush();
  }

  /** Makes the page file shorter when most of it is free: after an eviction. */
  switchWhenSparse(): void {
    if (this.#disk.log.isBroken || !isSparse(this.#disk)) return;
    this.#tolerating(() => {
      this.#flush();
      this.#switch();
    });
  }

  /** Makes everything durable and closes the log. */
  close(): void {
    const { log } = this.#disk;
    try {
      if (log.isBroken) return;
      this.#tolerating(() => this.#recordFetched());
      if (!log.isBroken) this.#flush();
      if (log.size > Math.max(LOG_SIZE_CLOSED_MAX, this.#pageBytes() / LOG_SHARE)) {
        this.#tolerating(() => this.#switch());
      }
    } finally {
      this.#disk.log.close();
    }
  }

  /** Flushes the fetched pages that are still the latest, and records them. */
  #recordFetched(): void {
    const { log, pages, replica } = this.#disk;
    if (log.isBroken || this.#unrecorded.size === 0) return;
    const fetched = [...this.#unrecorded];
    // What cannot be flushed now will not be recorded at all.
    this.#unrecorded.clear();
    pages.sync();
    const byVersion = new Map<number, [page: number, location: Location][]>();
    for (const [page, version] of fetched) {
      if (!replica.history.isLatest(page, version)) continue;
      replica.history.chains.seek(page, version);
      const location = replica.history.chains.foundLocation;
      if (location === ABSENT || !isPlaceDurable(pages, location)) continue;
      const group = byVersion.get(version);
      if (group === undefined) byVersion.set(version, [[page, location]]);
      else group.push([page, location]);
    }
    log.writing(() => {
      for (const [version, group] of byVersion) {
        const change = { kind: "fetched", version, pages: group } as const;
        log.append(CHANGE_KINDS.fetched, encodeChange(change));
      }
    });
  }

  /** The cache is worth no error. */
  #tolerating(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
    }
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

  #pageBytes(): number {
    const { pages, pageSize = 0 } = this.#disk;
    return pages.slots.count * pageSize;
  }

  #writing<T>(add: () => T): T {
    const { log } = this.#disk;
    try {
      return log.writing(add);
    } catch (error) {
      if (log.isBroken) this.#startAfresh();
      throw error;
    }
  }

  /**
   * What failed to be flushed may be on the disk all the same: a new generation makes sure it is
   * not.
   */
  #startAfresh(): void {
    try {
      this.#switch();
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
    }
  }

  /** After a failed flush nothing is recorded until the state is safe in a new generation. */
  #mustTakeRecords(): void {
    if (this.#disk.log.isBroken) this.#switch();
  }

  #switch(): void {
    switchGeneration(this.#disk);
    // The new index names them.
    this.#unrecorded.clear();
  }

  /** A switch that fails is tried again later: the change that brought it about is safe already. */
  #switchWhenLong(): void {
    const { log } = this.#disk;
    const indexBytes = this.#disk.replica.history.storedCount * INDEX_ENTRY_SIZE;
    const byPages = Math.min(LOG_SIZE_MAX, this.#pageBytes() / LOG_SHARE);
    const sizeMax = Math.max(this.#options.logSizeMin, byPages, indexBytes * 2);
    if (log.size < Math.max(sizeMax, this.#switchAt)) return;
    try {
      this.#switch();
      this.#switchAt = 0;
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      this.#switchAt = log.size + this.#options.logSizeMin;
    }
  }
}

function isPlaceDurable(pages: PageFile, location: Location): boolean {
  return !isSlot(location) || pages.isDurable(location);
}
