import {
  type GraftError,
  MutablePageSet,
  type PageIndex,
  type PageSize,
  toPageIndex,
} from "@graft/core";
import { ABSENT, type Location, ZEROS } from "../history/page-chains.ts";
import type { PageHistory } from "../history/page-history.ts";
import type { View } from "../history/view.ts";
import type { Pin } from "../local-store.ts";
import { pageSizeOf } from "../page-size-check.ts";
import { type Replica, StorePin } from "../replica.ts";
import { corruptFile } from "./corrupt-file.ts";
import { isInLog, isInMemory, isSlot } from "./location.ts";
import { logPlaceOf } from "./log-places.ts";
import { PageCache } from "./page-cache.ts";
import type { StoreDisk } from "./store-disk.ts";
import type { StoreLog } from "./store-log.ts";
import type { StoreShare } from "./store-share.ts";
import type { WaitingPages } from "./waiting-pages.ts";

export interface StorePagesParts {
  readonly share: StoreShare;
  readonly log: StoreLog;
  readonly waiting: WaitingPages;
  /** Bytes of pages kept in memory. */
  readonly memoryCacheSize: number;
}

/** The pages of an open store: read, kept when they were fetched, dropped when they are damaged. */
export class StorePages {
  readonly #disk: StoreDisk;
  readonly #share: StoreShare;
  readonly #log: StoreLog;
  readonly #waiting: WaitingPages;
  readonly #memoryCacheSize: number;
  /** Undefined until the page size is known. */
  #cache: PageCache | undefined;

  constructor({ share, log, waiting, memoryCacheSize }: StorePagesParts) {
    this.#disk = share.disk;
    this.#share = share;
    this.#log = log;
    this.#waiting = waiting;
    this.#memoryCacheSize = memoryCacheSize;
    const { pageSize } = share.disk;
    if (pageSize !== undefined) this.#cache = new PageCache(memoryCacheSize, pageSize);
  }

  /** As `LocalStore.read`. */
  read(pin: Pin, index: PageIndex, target: Uint8Array): "page" | "zeros" | "absent" {
    const view = StorePin.mustView(pin);
    const history = StorePin.historyOf(pin);
    const location = history.locateToRead(view, index);
    if (location === ZEROS) {
      target.fill(0);
      return "zeros";
    }
    if (location === ABSENT) {
      if (history.isLocal(view, index))
        throw this.#damaged(index, history.locatedVersion, undefined);
      return "absent";
    }
    const version = history.locatedVersion;
    if (this.#readAt(location, index, version, target)) return "page";
    this.#drop(history, view, index, version, location);
    return "absent";
  }

  /** As `LocalStore.putFetched`. */
  putFetched(pin: Pin, index: PageIndex, data: Uint8Array | undefined): void {
    const view = StorePin.viewOf(pin);
    if (view === undefined) return;
    const history = StorePin.historyOf(pin);
    if (!history.isMissing(view, index)) return;
    const version = view.epoch.start;
    const location = data === undefined ? ZEROS : this.#keepFetched(history, index, version, data);
    // Making room may have shown what others did: `put` looks again.
    if (!history.put(view, index, location)) this.#giveBack(location);
    else if (this.#isCurrent(history) && history.isLatest(index, version)) {
      this.#log.noteFetched(index, version);
    }
  }

  /** The page size became known. It never changes. */
  adoptPageSize(pageSize: PageSize): void {
    if (this.#disk.pageSize === pageSize) return;
    this.#disk.pageSize = pageSize;
    this.#disk.pages.setPageSize(pageSize);
    this.#cache = new PageCache(this.#memoryCacheSize, pageSize);
  }

  /** Forgets what others dropped as soon as no pin is older than that. */
  forgetDropped(): void {
    const { dropped, replica } = this.#disk;
    if (dropped.size === 0) return;
    const { history } = replica;
    for (const [page, { version, location, position }] of dropped) {
      if (this.#share.pins.hasBefore(position)) continue;
      dropped.delete(page);
      // At another place it is in the state again: somebody fetched it.
      const isThere = history.chains.seek(page, Infinity) === version;
      const isSame = isThere && history.chains.foundLocation === location;
      if (isSame && version <= history.epoch.start) this.#forget(history, page, version, location);
    }
  }

  /** Another state takes its place: what only this process knew of the old one is given back. */
  leaveReplica(before: Replica): void {
    this.#log.forgetUnrecorded();
    this.#cache?.clear();
    this.#disk.dropped.clear();
    if (!this.#share.pins.isEmpty) {
      this.#share.staleReplicas.push(before);
      return;
    }
    before.history.chains.forEach((_page, _version, location) => {
      if (isInMemory(location)) this.#waiting.release(location);
      if (isSlot(location) && this.#disk.pages.slots.isOwn(location)) {
        this.#disk.pages.slots.giveBack(location);
      }
    });
  }

  #keepFetched(history: PageHistory, page: number, version: number, data: Uint8Array): Location {
    this.adoptPageSize(pageSizeOf(data, this.#disk.pageSize));
    // It was fetched because somebody is about to read it.
    this.#cache?.put(page, version, data);
    if (!this.#log.hasRoom()) {
      const location = this.#waiting.put({ history, page, version, data });
      if (location !== undefined) return location;
    }
    this.#placeWaiting();
    return this.#disk.pages.write({ page, version, data });
  }

  /** Gives slots to the pages that wait for one. */
  #placeWaiting(): void {
    for (const { history, page, version, data, location } of this.#waiting.all()) {
      if (this.#waiting.isGone(location)) continue;
      const slot = this.#disk.pages.write({ page, version, data });
      history.moveTo(page, version, slot);
    }
  }

  #giveBack(location: Location): void {
    if (isSlot(location)) this.#disk.pages.slots.giveBack(location);
    else this.#waiting.release(location);
  }

  /** A pin that knows that it is gone may see it all the same, and must find it absent now. */
  #forget(history: PageHistory, page: number, version: number, location: Location): void {
    if (history.isEvictable(page, version)) {
      history.forgetNewest(page);
      return;
    }
    history.dropDamaged(page, version);
    if (isSlot(location)) this.#disk.pages.slots.release(location);
    else if (isInMemory(location)) this.#waiting.release(location);
  }

  #isCurrent(history: PageHistory): boolean {
    return history === this.#disk.replica.history;
  }

  #readAt(location: Location, page: number, version: number, target: Uint8Array): boolean {
    if (this.#cache?.read(page, version, target) === true) return true;
    const isRight = this.#loadPage(location, page, version, target);
    if (isRight) this.#cache?.putWhenSeen(page, version, target);
    return isRight;
  }

  #loadPage(location: Location, page: number, version: number, target: Uint8Array): boolean {
    const { pages, log, earlierLogs } = this.#disk;
    if (isSlot(location)) return pages.read(location, page, version, target);
    if (isInMemory(location)) return this.#waiting.read(location, target);
    const { file, offset } = logPlaceOf(location, log, earlierLogs);
    return pages.readImage(file, offset, { page, version, target });
  }

  /** Bytes that are not what they should be: clean ones are dropped, others are an error. */
  #drop(history: PageHistory, view: View, page: number, version: number, location: Location): void {
    if (version > history.epoch.start) throw this.#damaged(page, version, location);
    if (history.dropDamaged(page, version)) {
      if (isSlot(location)) this.#disk.pages.slots.release(location);
      if (this.#isCurrent(history)) this.#recordDamaged(page, version);
    }
    if (version > view.epoch.start) throw this.#damaged(page, version, location);
  }

  /** Tells the others, unless they know better meanwhile. */
  #recordDamaged(page: number, version: number): void {
    this.#share.tryExclusively(() => {
      const { history } = this.#disk.replica;
      const [newest] = history.chains.versionsOf(page);
      if (newest?.version !== version || newest.location !== ABSENT) return;
      const dropped = new MutablePageSet();
      dropped.insert(toPageIndex(page));
      this.#log.noteDropped(dropped);
    });
  }

  #damaged(page: number, version: number, location: Location | undefined): GraftError {
    const { files, pages, log, earlierLogs } = this.#disk;
    const why = `page ${page} of version ${version}, written here, fails its checksum`;
    if (location !== undefined && isInLog(location)) {
      const { generation, offset } = logPlaceOf(location, log, earlierLogs);
      return corruptFile(files.log(generation), offset, why);
    }
    return corruptFile(files.pages, location === undefined ? 0 : pages.offsetOf(location), why);
  }
}
