import {
  type CommitId,
  type FileLock,
  type GraftError,
  invariant,
  MutablePageSet,
  type PageIndex,
  type PageSet,
  type PageSize,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import type { UploadedSegment } from "../../remote/remote.ts";
import { oldestEvictable } from "../history/oldest-evictable.ts";
import { ABSENT, type Location, ZEROS } from "../history/page-chains.ts";
import type { PageHistory } from "../history/page-history.ts";
import type { View } from "../history/view.ts";
import type {
  LocalState,
  LocalStore,
  NewLocalCommit,
  Pin,
  PreparedPush,
  RemotePoint,
  StagedPage,
} from "../local-store.ts";
import { agreedPageSize, pageSizeOf } from "../page-size-check.ts";
import { absentPages, type Replica, StorePin } from "../replica.ts";
import { corruptFile } from "./corrupt-file.ts";
import type { DroppedPage } from "./follow-log.ts";
import { isInLog, isInMemory, isSlot } from "./location.ts";
import { logPlaceOf } from "./log-places.ts";
import type { PinGroup } from "./open-pins.ts";
import { PageCache } from "./page-cache.ts";
import { type PlacedPages, StagedPages } from "./staged-pages.ts";
import type { StoreDisk } from "./store-disk.ts";
import { closePlace } from "./store-disk.ts";
import { StoreLog, type StoreLogOptions } from "./store-log.ts";
import { StoreShare, type StoreShareParts } from "./store-share.ts";
import { StoreTurns } from "./store-turns.ts";
import type { WaitingPages } from "./waiting-pages.ts";

/** A commit with more bytes of pages than this goes to slots first: two flushes, each page once. */
const COMMIT_IN_LOG_SIZE_MAX = 1024 * 1024;

export interface DurableLocalStoreOptions extends StoreLogOptions {
  readonly durability: "full" | "relaxed";
  /** Bytes of pages above which clean ones are evicted. */
  readonly cacheSizeMax: number;
  /** Bytes of pages kept in memory. */
  readonly memoryCacheSize: number;
}

/** Called with the place of a page that nobody can name any more. */
export type Release = (location: Location) => void;

/** A local store on a `FileSystem`. */
export class DurableLocalStore implements LocalStore {
  readonly volumeId: VolumeId;
  readonly #disk: StoreDisk;
  readonly #log: StoreLog;
  readonly #staged: StagedPages;
  readonly #options: DurableLocalStoreOptions;
  /** Undefined until the page size is known. */
  #cache: PageCache | undefined;
  readonly #share: StoreShare;
  readonly #waiting: WaitingPages;
  readonly #turns: StoreTurns;
  /** Pages that other processes dropped while pins of this one could read them. */
  #dropped: DroppedPage[] = [];
  #isOpen = true;

  /** @param waiting also knows what the replica lets go */
  constructor(
    parts: StoreShareParts & { readonly waiting: WaitingPages; readonly release: Release },
    options: DurableLocalStoreOptions,
  ) {
    const { disk, waiting, release } = parts;
    this.volumeId = disk.volumeId;
    this.#disk = disk;
    this.#share = new StoreShare(parts, {
      learnPageSize: (pageSize) => this.#adoptPageSize(pageSize),
      dropLater: (dropped) => this.#dropped.push(dropped),
      onReload: (before) => this.#leaveReplica(before),
      release,
    });
    this.#log = new StoreLog(this.#share, options);
    this.#staged = new StagedPages(disk);
    this.#waiting = waiting;
    this.#turns = new StoreTurns(disk);
    this.#options = options;
    const { pageSize } = disk;
    if (pageSize !== undefined) this.#cache = new PageCache(options.memoryCacheSize, pageSize);
    this.#share.begin(() => this.#log.renewFormat());
  }

  /** Whether nobody else had the store open when this one was. */
  get isAlone(): boolean {
    return this.#share.isAlone;
  }

  get pageSize(): PageSize | undefined {
    return this.#disk.pageSize;
  }

  state(): LocalState {
    return this.#disk.replica.facts.state();
  }

  pin(): Pin {
    const group = this.#share.openPin();
    return this.#disk.replica.pin(() => this.#onUnpinned(group));
  }

  pinPush(): Pin | undefined {
    const group = this.#share.openPin();
    const pin = this.#disk.replica.pinPush(() => this.#onUnpinned(group));
    if (pin === undefined) this.#share.pins.close(group, this.#share.isAlone);
    return pin;
  }

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

  absent(pin: Pin, pages: PageSet): PageSet {
    return absentPages(StorePin.historyOf(pin), StorePin.mustView(pin), pages);
  }

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

  stage(index: PageIndex, data: Uint8Array): StagedPage {
    this.#adoptPageSize(pageSizeOf(data, this.pageSize));
    return this.#staged.stage(index, data);
  }

  readStaged(page: StagedPage, target: Uint8Array): void {
    this.#staged.read(page, target);
  }

  dropStaged(pages: Iterable<StagedPage>): void {
    this.#staged.drop(pages);
  }

  commitLocal(commit: NewLocalCommit): number {
    return this.#share.exclusively(() => this.#commit(commit));
  }

  #commit(commit: NewLocalCommit): number {
    const { replica } = this.#disk;
    const version = replica.facts.version + 1;
    const sorted = [...commit.pages].sort(([a], [b]) => a - b);
    for (const [index, page] of sorted) {
      invariant(index <= commit.pageCount, "a commit has no page above its page count");
      if (page instanceof Uint8Array) this.#adoptPageSize(pageSizeOf(page, this.pageSize));
    }
    const placed = this.#placePages(sorted, version);
    const { pageCount, message, appTransactionId } = commit;
    const { pageSize } = this;
    try {
      this.#log.commit(
        { version, pageCount, pageSize, pages: placed.pages, message, appTransactionId },
        this.#options.durability === "full",
      );
    } catch (error) {
      // A record that names them may be on the disk: they are free only after the next flush.
      for (const slot of placed.slots) this.#disk.pages.slots.release(slot);
      throw error;
    }
    this.#staged.consume(commit.pages.values());
    return version;
  }

  applyRemote(remote: RemotePoint, changed: PageSet): number {
    return this.#share.exclusively(() => {
      this.#learnPageSize(remote);
      const { facts } = this.#disk.replica;
      facts.mustBeClean();
      const version = facts.version + 1;
      this.#log.change({ kind: "pull", version, remote, changed });
      return version;
    });
  }

  preparePush(commitId: CommitId): PreparedPush {
    return this.#share.exclusively(() => {
      const { facts } = this.#disk.replica;
      const { toVersion } = facts.fold(commitId);
      this.#log.change({ kind: "prepare", commitId, toVersion });
      const { push } = facts;
      invariant(push !== undefined, "a push was prepared");
      return push;
    });
  }

  keepUploaded(segments: readonly UploadedSegment[]): void {
    const before = this.#disk.replica.facts.push?.uploaded;
    invariant(before !== undefined, "a push was prepared");
    const differs = before.findIndex((segment, at) => segment !== segments[at]);
    const keptCount = differs < 0 ? before.length : differs;
    if (keptCount === before.length && keptCount === segments.length) return;
    const added = segments.slice(keptCount);
    this.#share.exclusively(() =>
      this.#log.changeIfPossible({ kind: "uploaded", keptCount, segments: added }),
    );
  }

  completePush(remote: RemotePoint): void {
    this.#share.exclusively(() => {
      this.#learnPageSize(remote);
      this.#disk.replica.facts.mustBePushed(remote);
      this.#log.change({ kind: "complete", remote });
    });
  }

  abandonPush(): void {
    this.#share.exclusively(() => this.#log.change({ kind: "end", isDiverged: false }));
  }

  markDiverged(): void {
    this.#share.exclusively(() => this.#log.change({ kind: "end", isDiverged: true }));
  }

  resetToRemote(remote: RemotePoint | undefined, changed: PageSet): number {
    return this.#share.exclusively(() => {
      if (remote !== undefined) this.#learnPageSize(remote);
      const version = this.#disk.replica.facts.version + 1;
      this.#log.change({ kind: "reset", version, remote, changed });
      return version;
    });
  }

  usage(): { readonly pages: number; readonly bytes: number } {
    const pages = this.#disk.replica.history.storedCount;
    return { pages, bytes: pages * (this.pageSize ?? 0) };
  }

  evict(targetBytes: number): void {
    const { pageSize } = this;
    if (pageSize === undefined) return;
    // While another process changes the log, there will be a better moment.
    this.#share.tryExclusively(() => {
      const { history } = this.#disk.replica;
      const surplus = history.storedCount - Math.floor(targetBytes / pageSize);
      const evicted = new MutablePageSet();
      for (const page of oldestEvictable(history, surplus)) {
        if (history.evict(page)) evicted.insert(page);
      }
      if (evicted.isEmpty) return;
      this.#log.noteDropped(evicted);
      this.#log.switchWhenSparse();
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#log.close();
    } finally {
      this.#turns.close();
      for (const log of this.#disk.earlierLogs.splice(0)) log.close(false);
      closePlace(this.#disk);
      this.#share.close();
    }
  }

  lockWrites(): FileLock | undefined {
    const turn = this.#turns.lockWrites();
    return this.#settled(turn);
  }

  lockSync(): FileLock | undefined {
    const turn = this.#turns.lockSync();
    return this.#settled(turn);
  }

  refresh(): boolean {
    return this.#share.look();
  }

  #settled(turn: FileLock | undefined): FileLock | undefined {
    try {
      if (turn !== undefined) this.#share.settle();
      return turn;
    } catch (error) {
      turn?.close();
      throw error;
    }
  }

  #keepFetched(history: PageHistory, page: number, version: number, data: Uint8Array): Location {
    this.#adoptPageSize(pageSizeOf(data, this.pageSize));
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

  #isCurrent(history: PageHistory): boolean {
    return history === this.#disk.replica.history;
  }

  /** Decides where the pages of a commit go: large commits straight to slots, flushed. */
  #placePages(
    sorted: readonly (readonly [PageIndex, Uint8Array | StagedPage])[],
    version: number,
  ): PlacedPages {
    const size = sorted.length * (this.pageSize ?? 0);
    const pages: [page: number, place: Uint8Array][] = [];
    for (const [index, page] of sorted) if (page instanceof Uint8Array) pages.push([index, page]);
    const isSmall = size <= COMMIT_IN_LOG_SIZE_MAX && pages.length === sorted.length;
    return isSmall ? { pages, slots: [] } : this.#staged.place(sorted, version);
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

  #onUnpinned(group: PinGroup): void {
    this.#share.pins.close(group, this.#share.isAlone);
    if (this.#dropped.length > 0) this.#forgetDropped();
    this.#share.forgetUnpinned();
    if (this.#isOpen) this.#evictWhenOver();
  }

  /** Forgets what others dropped as soon as no pin is older than that. */
  #forgetDropped(): void {
    const { pins } = this.#share;
    const { history } = this.#disk.replica;
    this.#dropped = this.#dropped.filter(({ page, version, position }) => {
      if (pins.hasBefore(position)) return true;
      const isSame = history.chains.newest(page) === version && version <= history.epoch.start;
      if (isSame) history.forgetNewest(page);
      return false;
    });
  }

  /** Another state takes its place: what only this process knew of the old one is given back. */
  #leaveReplica(before: Replica): void {
    this.#log.forgetUnrecorded();
    this.#cache?.clear();
    this.#dropped = [];
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

  /** A pin was closed. While one is open on the latest snapshot, there is nothing to evict. */
  #evictWhenOver(): void {
    const { cacheSizeMax } = this.#options;
    if (this.usage().bytes <= cacheSizeMax) return;
    if (this.#disk.replica.history.epoch.pinCount > 0) return;
    // An eviction walks the whole table: it makes room for a while.
    this.evict(cacheSizeMax - cacheSizeMax / 32);
  }

  #learnPageSize(remote: RemotePoint): void {
    this.#adoptPageSize(agreedPageSize(this.volumeId, this.pageSize, remote.pageSize));
  }

  #adoptPageSize(pageSize: PageSize): void {
    if (this.#disk.pageSize === pageSize) return;
    this.#disk.pageSize = pageSize;
    this.#disk.pages.setPageSize(pageSize);
    this.#cache = new PageCache(this.#options.memoryCacheSize, pageSize);
  }
}
