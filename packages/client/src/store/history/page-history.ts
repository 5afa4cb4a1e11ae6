/**
 * Which bytes a page has at which version, wherever they are kept. They are named by locations,
 * which the store hands in and gets back through `release` when nobody can name them any more.
 *
 * What a pin of version v in epoch e sees of page p is the newest of these, at or before v:
 *
 * ```
 * a stored version of p           → its bytes
 * a floor below p                 → zeros        (zero-floors.ts)
 * e.start, when p is in e.stale   → absent       (epoch.ts)
 * none of them                    → absent, or zeros when there is no remote snapshot
 * ```
 */
import { invariant, MutablePageSet, type PageSet, pageRange, union } from "@graft/core";
import type { RemotePoint } from "../local-store.ts";
import { AgeStamps } from "./age-stamps.ts";
import { Epoch } from "./epoch.ts";
import { Epochs, type NextEpoch } from "./epochs.ts";
import {
  ABSENT,
  LOCATION_MAX,
  type Location,
  NO_VERSION,
  PageChains,
  type PageVersion,
  ZEROS,
} from "./page-chains.ts";
import { PinLedger } from "./pin-ledger.ts";
import type { Resize, View } from "./view.ts";
import { type ZeroFloor, ZeroFloors } from "./zero-floors.ts";

export interface PageHistoryOptions {
  /** Called when no view and no future view can name these bytes. */
  readonly release: (location: Location) => void;
  readonly floors?: readonly ZeroFloor[];
  readonly epoch?: Epoch;
}

export class PageHistory {
  readonly chains: PageChains = new PageChains();
  readonly #release: (location: Location) => void;
  readonly #ledger: PinLedger = new PinLedger(({ page, from }) => this.#letGo(page, from));
  readonly #floors: ZeroFloors;
  readonly #epochs: Epochs;
  #storedCount = 0;
  /** No live view has more pages than this. */
  #pageCountMax = 0;
  readonly #stamps = new AgeStamps();

  constructor(options: PageHistoryOptions) {
    this.#release = options.release;
    this.#floors = new ZeroFloors(options.floors);
    this.#epochs = new Epochs(
      options.epoch ?? new Epoch({ remote: undefined, start: 0, stale: new MutablePageSet() }),
    );
  }

  get epoch(): Epoch {
    return this.#epochs.current;
  }

  get floors(): readonly ZeroFloor[] {
    return this.#floors.list;
  }

  /** Page versions that have bytes here. */
  get storedCount(): number {
    return this.#storedCount;
  }

  pin(version: number, pageCount: number): View {
    this.#ledger.pin(version);
    this.#epochs.current.pinCount++;
    this.#pageCountMax = Math.max(this.#pageCountMax, pageCount);
    return { version, pageCount, epoch: this.#epochs.current };
  }

  unpin(view: View): void {
    view.epoch.pinCount--;
    this.release(view.version);
    this.#epochs.dropUnpinned(view.epoch);
  }

  /** Keeps a version alive without keeping its epoch: for what is read of it is not remote. */
  hold(version: number): void {
    this.#ledger.pin(version);
  }

  /** Ends a `hold`. */
  release(version: number): void {
    this.#ledger.unpin(version);
    this.#pruneFloors();
  }

  /** Where the bytes of a page are for a view: a location, `ZEROS` or `ABSENT`. */
  locate(view: View, page: number): Location {
    if (page > view.pageCount) return ZEROS;
    const stored = this.chains.seek(page, view.version);
    const isHidden = view.epoch.hides(page, stored);
    const known = isHidden ? view.epoch.start : stored;
    if (this.#floors.newestBelow(page, view.version) > known) return ZEROS;
    if (isHidden) return ABSENT;
    if (stored !== NO_VERSION) return this.chains.foundLocation;
    return view.epoch.remote === undefined ? ZEROS : ABSENT;
  }

  /** `locate` for a read: what is read often is evicted late. */
  locateToRead(view: View, page: number): Location {
    const location = this.locate(view, page);
    if (location < LOCATION_MAX) this.chains.touchFound(this.#nextStamp());
    return location;
  }

  /** The version of the page that was located last. */
  get locatedVersion(): number {
    return this.chains.foundVersion;
  }

  /** Whether the view's page was written locally on top of the view's remote snapshot. */
  isLocal(view: View, page: number): boolean {
    return view.epoch.isLocal(page, this.chains.seek(page, view.version));
  }

  /** Whether a fetch of the page would help the view. */
  isMissing(view: View, page: number): boolean {
    return this.locate(view, page) === ABSENT && !this.isLocal(view, page);
  }

  /** A local commit. The pages are at most `resize.after`. */
  commit(resize: Resize, pages: Iterable<readonly [page: number, location: Location]>): void {
    for (const [page, location] of pages) {
      this.#supersedeNewest(page, resize.version);
      this.#insert(page, resize.version, location);
      if (this.#epochs.current.stale.contains(page)) this.#epochs.current.refreshed.insert(page);
    }
    if (resize.after < resize.before) this.#cutOff(resize);
    if (resize.after > resize.before) this.#floors.grow(resize.version, resize.before);
    this.#pruneFloors();
  }

  /** The remote snapshot moved. @param carried local pages on top, none of which changed */
  applyRemote(resize: Resize, remote: RemotePoint, changed: PageSet, carried?: PageSet): void {
    if (resize.after < resize.before) this.#cutOff(resize);
    const { version: start, after: pageCount } = resize;
    // Without a snapshot before, what is here was never remote.
    const isFirst = this.#epochs.current.remote === undefined && start > 1;
    const stale = isFirst ? pageRange(1, pageCount) : changed;
    const next = { remote, start, changed: stale, pageCount };
    this.#beginEpoch(carried === undefined ? next : { ...next, carried });
  }

  /**
   * Local work is dropped.
   *
   * @param written the pages of the dropped commits
   * @param lowCount the least page count of the old base and the dropped commits
   */
  reset(
    resize: Resize,
    remote: RemotePoint | undefined,
    dropped: { readonly changed: PageSet; readonly written: PageSet; readonly lowCount: number },
  ): void {
    for (const page of dropped.written) {
      if (this.#epochs.current.isLocal(page, this.chains.newest(page))) {
        this.#supersedeNewest(page, resize.version);
      }
    }
    if (resize.after < resize.before) this.#cutOff(resize);
    const changed = union(dropped.changed, dropped.written);
    if (dropped.lowCount < resize.after) changed.insertRange(dropped.lowCount + 1, resize.after);
    this.#beginEpoch({ remote, start: resize.version, changed, pageCount: resize.after });
  }

  /** The local versions up to `start` are the remote snapshot now. Nothing becomes stale. */
  completePush(
    remote: RemotePoint,
    pushed: { readonly start: number; readonly pages: PageSet; readonly lowCount: number },
  ): void {
    const changed = pushed.pages.clone();
    if (pushed.lowCount < this.#pageCountMax) {
      changed.insertRange(pushed.lowCount + 1, this.#pageCountMax);
    }
    this.#beginEpoch({
      remote,
      start: pushed.start,
      changed,
      pageCount: remote.pageCount,
      isStale: false,
    });
  }

  /**
   * A page of the view's remote snapshot has arrived. False when the view did not miss it: then the
   * location stays the caller's. The view must be pinned.
   */
  put(view: View, page: number, location: Location): boolean {
    if (!this.isMissing(view, page)) return false;
    const version = view.epoch.start;
    const versions = this.chains.versionsOf(page);
    const same = versions.find((one) => one.version === version);
    if (same !== undefined) this.#relocate(page, version, location);
    else this.#insert(page, version, location);
    this.#epochs.clearStale(view.epoch, page);
    const older = versions.find((one) => one.version < version);
    if (older !== undefined) this.#ledger.supersede({ page, from: older.version, until: version });
    const newer = versions.findLast((one) => one.version > version)?.version ?? Infinity;
    const until = Math.min(newer, this.#floors.oldestBelow(page, version));
    if (until < Infinity) this.#ledger.supersede({ page, from: version, until });
    return true;
  }

  /** Whether the latest snapshot reads these bytes as its page. */
  isLatest(page: number, version: number): boolean {
    return (
      this.chains.newest(page) === version &&
      !this.#epochs.current.hides(page, version) &&
      this.#floors.newestBelow(page, Infinity) <= version
    );
  }

  /** Puts a page back that was the latest snapshot's when it was stored: for recovery. */
  restore(page: number, version: number, location: Location): void {
    // A copy that this process fetched later holds the same bytes, and only it knows of it.
    for (let own = this.chains.newest(page); own > version; own = this.chains.newest(page)) {
      invariant(own <= this.#epochs.current.start, "what was fetched is not newer than local work");
      this.#letGo(page, own);
    }
    const isFirst = this.#insertFirst(page, version, location);
    if (!isFirst && this.chains.newest(page) === version) this.#relocate(page, version, location);
    else if (!isFirst) {
      this.#supersedeNewest(page, version);
      this.#insert(page, version, location);
    }
    this.#epochs.current.stale.remove(page);
  }

  /** The versions that the latest snapshot names, and the one at `held`, a version on `hold`. */
  *named(held: number | undefined): Generator<PageVersion> {
    for (const entry of this.chains.all()) {
      if (this.#isNamed(entry.page, entry.version, held)) yield entry;
    }
  }

  /** Forgets all versions but the named ones, without releasing them: for recovery. */
  retainNamed(held: number | undefined): void {
    const others: PageVersion[] = [];
    this.chains.forEach((page, version, location) => {
      if (!this.#isNamed(page, version, held)) others.push({ page, version, location });
    });
    for (const { page, version, location } of others) {
      this.chains.remove(page, version);
      if (location < LOCATION_MAX) this.#storedCount--;
    }
  }

  /** Adds a version that an index names: for recovery, with `settleLoaded` after the last. */
  load(page: number, version: number, location: Location): void {
    if (!this.#insertFirst(page, version, location)) this.#insert(page, version, location);
  }

  /** Files what was loaded for the sake of a hold alone: it goes when the hold ends. */
  settleLoaded(): void {
    const held: { readonly page: number; readonly version: number }[] = [];
    this.chains.forEach((page, version) => {
      if (!this.isLatest(page, version)) held.push({ page, version });
    });
    for (const { page, version } of held) {
      const newer = this.chains.versionsOf(page).findLast((one) => one.version > version);
      const until = Math.min(newer?.version ?? Infinity, this.#floors.oldestBelow(page, version));
      this.#ledger.supersede({ page, from: version, until });
    }
  }

  /** Says that the bytes of a version have moved; the old ones are released. */
  moveTo(page: number, version: number, location: Location): void {
    this.#relocate(page, version, location);
  }

  /** Clean bytes are not what they should be: absent, not released. True: they were the latest. */
  dropDamaged(page: number, version: number): boolean {
    const wasLatest = this.isLatest(page, version);
    this.chains.relocate({ page, version, location: ABSENT });
    this.#storedCount--;
    if (wasLatest) this.#markMissing(page);
    return wasLatest;
  }

  /**
   * Forgets clean bytes of the latest snapshot. False when a pin can name them, when they are not
   * clean, or when there are none.
   */
  evict(page: number): boolean {
    const version = this.chains.newest(page);
    if (version === NO_VERSION || !this.isEvictable(page, version)) return false;
    this.#forget(page, version);
    return true;
  }

  /** Evicts what was evicted before: for recovery. */
  forgetNewest(page: number): void {
    const version = this.chains.newest(page);
    if (version !== NO_VERSION) this.#forget(page, version);
  }

  /**
   * Whether the newest version of a page is clean, visible to no pin, and not waiting to be let go.
   */
  isEvictable(page: number, version: number): boolean {
    if (this.#epochs.current.isLocal(page, version)) return false;
    if (this.#floors.newestBelow(page, Infinity) > version) return false;
    if (this.#ledger.newestIn(version, Infinity) === undefined) return true;
    return !this.#epochs.isShown(page, version);
  }

  /** How long ago the page in a cell of the table was read or stored, in stamps. */
  ageOf(cell: number): number {
    return this.#stamps.ageOf(this.chains.table.stampOf(cell));
  }

  #isNamed(page: number, version: number, held: number | undefined): boolean {
    if (this.isLatest(page, version)) return true;
    return (
      held !== undefined &&
      this.chains.seek(page, held) === version &&
      !this.#epochs.current.hides(page, version) &&
      this.#floors.newestBelow(page, held) <= version
    );
  }

  #forget(page: number, version: number): void {
    this.#letGo(page, version);
    // Where nothing else is known of the page, no entry says "not here" already.
    const isUnknown = this.#epochs.isSingle && !this.#floors.covers(page);
    if (!isUnknown || this.chains.newest(page) !== NO_VERSION) this.#markMissing(page);
  }

  #markMissing(page: number): void {
    this.#epochs.current.stale.insert(page);
    this.#epochs.current.refreshed.remove(page);
  }

  #insertFirst(page: number, version: number, location: Location): boolean {
    if (!this.chains.insertFirst(page, version, location, this.#nextStamp())) return false;
    if (location < LOCATION_MAX) this.#storedCount++;
    return true;
  }

  #insert(page: number, version: number, location: Location): void {
    this.chains.insert({ page, version, location }, this.#nextStamp());
    if (location < LOCATION_MAX) this.#storedCount++;
  }

  #relocate(page: number, version: number, location: Location): void {
    const old = this.chains.relocate({ page, version, location });
    if (location < LOCATION_MAX) this.#storedCount++;
    this.#free(old);
  }

  #supersedeNewest(page: number, until: number): void {
    const newest = this.chains.newest(page);
    if (newest !== NO_VERSION && newest < until)
      this.#ledger.supersede({ page, from: newest, until });
  }

  #letGo(page: number, version: number): void {
    const location = this.chains.remove(page, version);
    if (location !== undefined) this.#free(location);
  }

  #free(location: Location): void {
    if (location >= LOCATION_MAX) return;
    this.#storedCount--;
    this.#release(location);
  }

  /** Everything stored above the new end is superseded. */
  #cutOff({ version, before, after }: Resize): void {
    const above = this.chains.table.pagesIn(after + 1, before);
    for (const page of above) this.#supersedeNewest(page, version);
    this.#floors.cut(version, after);
    const lastStale = this.#epochs.current.stale.last ?? 0;
    if (lastStale > after) this.#epochs.current.refreshed.insertRange(after + 1, lastStale);
  }

  #beginEpoch(next: NextEpoch): void {
    this.#epochs.begin(next);
    this.#pruneFloors();
  }

  #pruneFloors(): void {
    for (const { version, count } of this.#floors.prune(this.#ledger.oldest ?? Infinity)) {
      // The floor hid these from all pins; now the sets must say so themselves.
      this.#epochs.cutBefore(version, count);
    }
  }

  #nextStamp(): number {
    return this.#stamps.next(this.chains.table.count);
  }
}
