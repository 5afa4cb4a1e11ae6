import {
  type CommitId,
  type FileLock,
  type GraftError,
  invariant,
  MutablePageSet,
  type PageIndex,
  type PageSet,
  type PageSize,
  type VolumeId,
} from "@graft/core";
import type { UploadedSegment } from "../../remote/remote.ts";
import { oldestEvictable } from "../history/oldest-evictable.ts";
import { ABSENT, type Location, ZEROS } from "../history/page-chains.ts";
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
import { absentPages, StorePin } from "../replica.ts";
import { Turn } from "../turn.ts";
import { corruptFile } from "./corrupt-file.ts";
import { isInLog, isSlot, logOffsetOf } from "./location.ts";
import { PageCache } from "./page-cache.ts";
import { type PlacedPages, StagedPages } from "./staged-pages.ts";
import type { StoreDisk } from "./store-disk.ts";
import { closePlace } from "./store-disk.ts";
import { StoreLog, type StoreLogOptions } from "./store-log.ts";

/** A commit with more bytes of pages than this goes to slots first: two flushes, each page once. */
const COMMIT_IN_LOG_SIZE_MAX = 1024 * 1024;

export interface DurableLocalStoreOptions extends StoreLogOptions {
  readonly durability: "full" | "relaxed";
  /** Bytes of pages above which clean ones are evicted. */
  readonly cacheSizeMax: number;
  /** Bytes of pages kept in memory. */
  readonly memoryCacheSize: number;
}

/** A local store on a `FileSystem`. */
export class DurableLocalStore implements LocalStore {
  readonly volumeId: VolumeId;
  readonly #disk: StoreDisk;
  readonly #log: StoreLog;
  readonly #staged: StagedPages;
  readonly #options: DurableLocalStoreOptions;
  /** Undefined until the page size is known. */
  #cache: PageCache | undefined;
  readonly #writes = new Turn();
  readonly #sync = new Turn();
  #isOpen = true;

  constructor(disk: StoreDisk, options: DurableLocalStoreOptions) {
    this.volumeId = disk.volumeId;
    this.#disk = disk;
    this.#log = new StoreLog(disk, options);
    this.#staged = new StagedPages(disk);
    this.#options = options;
    const { pageSize } = disk;
    if (pageSize !== undefined) this.#cache = new PageCache(options.memoryCacheSize, pageSize);
  }

  get pageSize(): PageSize | undefined {
    return this.#disk.pageSize;
  }

  state(): LocalState {
    return this.#disk.replica.facts.state();
  }

  pin(): Pin {
    return this.#disk.replica.pin(() => this.#evictWhenOver());
  }

  pinPush(): Pin | undefined {
    return this.#disk.replica.pinPush();
  }

  read(pin: Pin, index: PageIndex, target: Uint8Array): "page" | "zeros" | "absent" {
    const view = StorePin.mustView(pin);
    const { history } = this.#disk.replica;
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
    this.#drop(view, index, version, location);
    return "absent";
  }

  absent(pin: Pin, pages: PageSet): PageSet {
    return absentPages(this.#disk.replica.history, StorePin.mustView(pin), pages);
  }

  putFetched(pin: Pin, index: PageIndex, data: Uint8Array | undefined): void {
    const { replica } = this.#disk;
    const view = StorePin.viewOf(pin);
    if (view === undefined || !replica.history.isMissing(view, index)) return;
    const version = view.epoch.start;
    const location = data === undefined ? ZEROS : this.#keepFetched(index, version, data);
    replica.history.put(view, index, location);
    if (replica.history.isLatest(index, version)) this.#log.noteFetched(index, version);
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
    this.#learnPageSize(remote);
    const { facts } = this.#disk.replica;
    facts.mustBeClean();
    const version = facts.version + 1;
    this.#log.change({ kind: "pull", version, remote, changed });
    return version;
  }

  preparePush(commitId: CommitId): PreparedPush {
    const { facts } = this.#disk.replica;
    const { toVersion } = facts.fold(commitId);
    this.#log.change({ kind: "prepare", commitId, toVersion });
    const { push } = facts;
    invariant(push !== undefined, "a push was prepared");
    return push;
  }

  keepUploaded(segments: readonly UploadedSegment[]): void {
    const before = this.#disk.replica.facts.push?.uploaded;
    invariant(before !== undefined, "a push was prepared");
    const differs = before.findIndex((segment, at) => segment !== segments[at]);
    const keptCount = differs < 0 ? before.length : differs;
    if (keptCount === before.length && keptCount === segments.length) return;
    this.#log.changeIfPossible({
      kind: "uploaded",
      keptCount,
      segments: segments.slice(keptCount),
    });
  }

  completePush(remote: RemotePoint): void {
    this.#learnPageSize(remote);
    this.#disk.replica.facts.mustBePushed(remote);
    this.#log.change({ kind: "complete", remote });
  }

  abandonPush(): void {
    this.#log.change({ kind: "end", isDiverged: false });
  }

  markDiverged(): void {
    this.#log.change({ kind: "end", isDiverged: true });
  }

  resetToRemote(remote: RemotePoint | undefined, changed: PageSet): number {
    if (remote !== undefined) this.#learnPageSize(remote);
    const version = this.#disk.replica.facts.version + 1;
    this.#log.change({ kind: "reset", version, remote, changed });
    return version;
  }

  usage(): { readonly pages: number; readonly bytes: number } {
    const pages = this.#disk.replica.history.storedCount;
    return { pages, bytes: pages * (this.pageSize ?? 0) };
  }

  evict(targetBytes: number): void {
    const { pageSize } = this;
    if (pageSize === undefined) return;
    const { history } = this.#disk.replica;
    const surplus = history.storedCount - Math.floor(targetBytes / pageSize);
    const evicted = new MutablePageSet();
    for (const page of oldestEvictable(history, surplus)) {
      if (history.evict(page)) evicted.insert(page);
    }
    if (evicted.isEmpty) return;
    this.#log.noteDropped(evicted);
    this.#log.switchWhenSparse();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#log.close();
    } finally {
      closePlace(this.#disk);
    }
  }

  lockWrites(): FileLock | undefined {
    return this.#writes.take();
  }

  lockSync(): FileLock | undefined {
    return this.#sync.take();
  }

  refresh(): boolean {
    return false;
  }

  #keepFetched(page: number, version: number, data: Uint8Array): Location {
    this.#adoptPageSize(pageSizeOf(data, this.pageSize));
    this.#log.makeRoom();
    const slot = this.#disk.pages.write({ page, version, data });
    // It was fetched because somebody is about to read it.
    this.#cache?.put(page, version, data);
    return slot;
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
    const { pages, log } = this.#disk;
    const isRight = isSlot(location)
      ? pages.read(location, page, version, target)
      : pages.readImage(log.file, logOffsetOf(location), { page, version, target });
    if (isRight) this.#cache?.putWhenSeen(page, version, target);
    return isRight;
  }

  /** Bytes that are not what they should be: clean ones are dropped, others are an error. */
  #drop(view: View, page: number, version: number, location: Location): void {
    const { history } = this.#disk.replica;
    if (version > history.epoch.start) throw this.#damaged(page, version, location);
    if (history.dropDamaged(page, version)) {
      if (isSlot(location)) this.#disk.pages.slots.release(location);
      const dropped = new MutablePageSet();
      dropped.insert(page);
      this.#log.noteDropped(dropped);
    }
    if (version > view.epoch.start) throw this.#damaged(page, version, location);
  }

  #damaged(page: number, version: number, location: Location | undefined): GraftError {
    const { files, pages, log } = this.#disk;
    const why = `page ${page} of version ${version}, written here, fails its checksum`;
    if (location !== undefined && isInLog(location)) {
      return corruptFile(files.log(log.generation), logOffsetOf(location), why);
    }
    return corruptFile(files.pages, location === undefined ? 0 : pages.offsetOf(location), why);
  }

  /** A pin was closed. While one is open on the latest snapshot, there is nothing to evict. */
  #evictWhenOver(): void {
    const { cacheSizeMax } = this.#options;
    if (!this.#isOpen || this.usage().bytes <= cacheSizeMax) return;
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
