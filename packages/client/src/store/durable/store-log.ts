/**
 * How changes of a store become durable: put together, written, flushed, and only then applied.
 *
 * Records about the cache (fetched, dropped) are applied first and written later: losing them loses
 * cached pages and nothing else.
 */
import { GraftError, invariant, type PageSet } from "@graft/core";
import { type Location, ZEROS } from "../history/page-chains.ts";
import type { Replica } from "../replica.ts";
import { encodeChange } from "./change-codec.ts";
import { appendCommit, type CommitChange, type CommitToWrite } from "./commit-body.ts";
import { switchGeneration } from "./generation.ts";
import { isInMemory, isSlot } from "./location.ts";
import { applyChange, CHANGE_KINDS, type LogChange } from "./log-change.ts";
import type { LogEnd } from "./log-writer.ts";
import { isSparse } from "./move-pages.ts";
import { SlotSupply } from "./slot-supply.ts";
import type { StoreDisk } from "./store-disk.ts";
import type { StoreShare } from "./store-share.ts";

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

type OtherChange = Exclude<LogChange, { kind: "commit" | "fetched" | "dropped" }>;

export interface StoreLogOptions {
  /** Bytes of log below which no new generation is begun. */
  readonly logSizeMin: number;
  /** Fetched pages below which they are not recorded yet. */
  readonly fetchedCountMin: number;
}

/** What only this process knows: it is not in the log yet, or waits for its pins. */
export class StoreLog {
  readonly #disk: StoreDisk;
  readonly #share: StoreShare;
  readonly #supply: SlotSupply;
  readonly #options: StoreLogOptions;
  /** Versions of fetched pages that are in no record yet, by page. */
  readonly #unrecorded = new Map<number, number>();
  /**
   * What went wrong while a record that others have was applied here: this process no longer knows
   * what it has, and writes nothing any more.
   */
  #lost: { readonly cause: unknown } | undefined;
  /** After a switch failed, the size at which the next one is tried. */
  #switchAt = 0;

  constructor(share: StoreShare, options: StoreLogOptions) {
    this.#disk = share.disk;
    this.#share = share;
    this.#options = options;
    this.#supply = new SlotSupply(share, {
      flush: () => this.#flush(),
      mustTakeRecords: () => this.#mustTakeRecords(),
    });
  }

  /**
   * THE LOCAL COMMIT POINT is the flush in here (the write, when `isDurable` is false). The caller
   * holds the log.
   *
   * @returns what `applyCommit` must be given next
   * @throws GraftError `io`: nothing was committed
   */
  writeCommit(commit: CommitToWrite, isDurable: boolean): CommitChange {
    this.#mustTakeRecords();
    const { log, pages } = this.#disk;
    const before = log.end;
    const change = this.#writing(() => appendCommit(log, pages.codec, commit));
    if (isDurable) this.#flush(before);
    return change;
  }

  /** The commit was made: it is the latest version now. */
  applyCommit(change: CommitChange): void {
    const { pages, replica } = this.#disk;
    for (const [, location] of change.pages) if (isSlot(location)) pages.slots.disown(location);
    this.#apply(replica, change);
    this.#switchWhenLong();
  }

  /** Makes any other change durable and applies it. @throws GraftError `io`: nothing was changed */
  change(change: OtherChange): void {
    this.#mustTakeRecords();
    const { log } = this.#disk;
    const before = log.end;
    this.#writing(() => log.append(CHANGE_KINDS[change.kind], encodeChange(change)));
    this.#flush(before);
    this.#apply(this.#disk.replica, change);
    this.#switchWhenLong();
  }

  #apply(replica: Replica, change: LogChange): void {
    try {
      applyChange(replica, change);
    } catch (cause) {
      this.#lost = { cause };
      throw cause;
    }
  }

  /** `change` for what saves work and nothing else: without it the work is done again. */
  changeIfPossible(change: OtherChange): void {
    this.#tolerating(() => this.change(change));
  }

  /** A page of the latest snapshot has a place now. */
  noteFetched(page: number, version: number): void {
    if (this.#lost !== undefined) return;
    this.#unrecorded.set(page, version);
    const share = this.#disk.replica.history.storedCount / 8;
    const countMax = Math.min(FETCHED_COUNT_MAX, Math.max(this.#options.fetchedCountMin, share));
    if (this.#unrecorded.size < countMax) return;
    this.#tolerating(() => {
      this.#disk.pages.sync();
      this.#share.tryExclusively(() => {
        this.#recordFetched();
        this.#switchWhenLong();
      });
    });
  }

  /** Pages of the latest snapshot are here no more. The caller holds the log. */
  noteDropped(pages: PageSet): void {
    const { log } = this.#disk;
    if (log.isBroken || pages.isEmpty || this.#lost !== undefined) return;
    this.#tolerating(() =>
      log.writing(() => log.append(CHANGE_KINDS.dropped, encodeChange({ kind: "dropped", pages }))),
    );
    this.#switchWhenLong();
  }

  /** Whether a page can be given a slot; false when it would have to wait for another process. */
  hasRoom(): boolean {
    return this.#supply.tryRefill();
  }

  /** Makes the page file shorter when most of it is free: after an eviction, under the lock. */
  switchWhenSparse(): void {
    if (this.#lost !== undefined || this.#disk.log.isBroken || !isSparse(this.#disk)) return;
    this.#tolerating(() => {
      this.#flush();
      this.#switch();
    });
  }

  /** What was not recorded is another state's. */
  forgetUnrecorded(): void {
    this.#unrecorded.clear();
  }

  /** Makes everything durable and closes the log. */
  close(): void {
    try {
      this.#share.exclusively(() => this.#finish());
    } finally {
      this.#disk.log.close(this.#share.isAlone);
    }
  }

  /** An old format cannot say what many processes must know: another generation is begun. */
  renewFormat(): void {
    if (!this.#disk.isCurrent) this.#switch();
  }

  #finish(): void {
    if (this.#lost !== undefined) return;
    // What was refused must not be there when the store is opened again.
    if (this.#disk.log.isBroken) this.#startAfresh();
    const { log } = this.#disk;
    if (log.isBroken) return;
    this.#tolerating(() => {
      this.#disk.pages.sync();
      this.#recordFetched();
    });
    if (!log.isBroken) this.#flush();
    const sizeMax = Math.max(LOG_SIZE_CLOSED_MAX, this.#pageBytes() / LOG_SHARE);
    if (log.size > sizeMax && this.#share.isAlone) this.#tolerating(() => this.#switch());
  }

  /** Records the fetched pages that are still the latest. They were flushed. */
  #recordFetched(): void {
    const { log, pages, replica } = this.#disk;
    if (log.isBroken || this.#unrecorded.size === 0) return;
    const fetched = [...this.#unrecorded];
    // What could not be flushed will not be recorded at all.
    this.#unrecorded.clear();
    const byVersion = new Map<number, [page: number, location: Location][]>();
    for (const [page, version] of fetched) {
      if (!replica.history.isLatest(page, version)) continue;
      replica.history.chains.seek(page, version);
      const location = replica.history.chains.foundLocation;
      if (isInMemory(location)) this.#unrecorded.set(page, version);
      if (location !== ZEROS && !(isSlot(location) && pages.isDurable(location))) continue;
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
    for (const group of byVersion.values()) {
      for (const [, location] of group) if (isSlot(location)) pages.slots.disown(location);
    }
  }

  /** The cache is worth no error. */
  #tolerating(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
    }
  }

  /**
   * Makes the log durable, and frees the slots its records let go.
   *
   * @param before where the log ends when this fails: what follows is taken back
   */
  #flush(before: LogEnd = this.#disk.log.end): void {
    const { log, pages } = this.#disk;
    try {
      log.sync();
    } catch (error) {
      log.follow(before, 0);
      this.#startAfresh();
      throw error;
    }
    pages.slots.settle();
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
    invariant(this.#share.isHeld, "who changes the log keeps others from it");
    if (this.#lost !== undefined) {
      const text = "this process lost its place in the local store: close it and open it again";
      throw new GraftError("internal", text, { cause: this.#lost.cause });
    }
    if (this.#disk.log.isBroken) this.#switch();
  }

  #switch(): void {
    const share = this.#share;
    if (!this.#disk.log.isBroken && isSparse(this.#disk)) this.#supply.reclaimAll();
    this.#supply.silently(() =>
      switchGeneration(this.#disk, {
        reserved: () => this.#supply.reserved(),
        announce: () => share.announceEnd(),
        slotCount: () =>
          share.isAlone ? slotCountOf(this.#disk, share) : this.#disk.pages.slots.count,
      }),
    );
    share.reservations.dropCandidates();
  }

  /** A switch that fails is tried again later: the change that brought it about is safe already. */
  #switchWhenLong(): void {
    const { log } = this.#disk;
    const indexBytes = this.#disk.replica.history.storedCount * INDEX_ENTRY_SIZE;
    const byPages = Math.min(LOG_SIZE_MAX, this.#pageBytes() / LOG_SHARE);
    // What every index takes along must not make a new one due at once.
    const takenAlong = indexBytes + this.#disk.replica.facts.replaySize;
    const sizeMax = Math.max(this.#options.logSizeMin, byPages, takenAlong * 2);
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

/** Slots up to the last that anybody uses: nobody else has the store open. */
function slotCountOf({ pages, replica }: StoreDisk, share: StoreShare): number {
  const { slots } = pages;
  if (share.staleReplicas.length > 0) return slots.count;
  let count = 0;
  replica.history.chains.forEach((_page, _version, location) => {
    if (isSlot(location)) count = Math.max(count, location + 1);
  });
  for (const slot of slots.givenOut()) count = Math.max(count, slot + 1);
  return count;
}
