import {
  type CommitId,
  type FileLock,
  invariant,
  isGraftError,
  MutablePageSet,
  type PageIndex,
  type PageSet,
  type PageSize,
  type VolumeId,
} from "@graft/core";
import type { UploadedSegment } from "../../remote/remote.ts";
import { oldestEvictable } from "../history/oldest-evictable.ts";
import type { Location } from "../history/page-chains.ts";
import type {
  LocalState,
  LocalStore,
  NewLocalCommit,
  Pin,
  PreparedPush,
  RemotePoint,
} from "../local-store.ts";
import { agreedPageSize, pageSizeOf } from "../page-size-check.ts";
import type { PageStage } from "../page-stage.ts";
import { absentPages, presentPages, StorePin } from "../replica.ts";
import type { CommitChange } from "./commit-body.ts";
import { DurablePageStage, durableStageOf } from "./durable-page-stage.ts";
import type { PinGroup } from "./open-pins.ts";
import { placePages } from "./place-pages.ts";
import type { StoreDisk } from "./store-disk.ts";
import { closePlace } from "./store-disk.ts";
import { StoreLog, type StoreLogOptions } from "./store-log.ts";
import { StorePages } from "./store-pages.ts";
import { StoreShare, type StoreShareParts } from "./store-share.ts";
import { StoreTurns } from "./store-turns.ts";
import type { WaitingPages } from "./waiting-pages.ts";

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
  readonly #options: DurableLocalStoreOptions;
  readonly #share: StoreShare;
  readonly #pages: StorePages;
  readonly #turns: StoreTurns;
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
      learnPageSize: (pageSize) => this.#pages.adoptPageSize(pageSize),
      onReload: (before) => this.#pages.leaveReplica(before),
      onCompany: () => this.#turns.letGo(),
      release,
    });
    this.#log = new StoreLog(this.#share, options);
    const { memoryCacheSize } = options;
    const share = this.#share;
    this.#pages = new StorePages({ share, log: this.#log, waiting, memoryCacheSize });
    const isAlone = (): boolean => share.isAlone;
    this.#turns = new StoreTurns(disk, isAlone, () => share.pins.isWatched);
    share.pins.onQuiet = () => this.#turns.letGo();
    this.#options = options;
    this.#share.begin(() => this.#log.renewFormat());
  }

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
    return this.#pages.read(pin, index, target);
  }

  absent(pin: Pin, pages: PageSet): PageSet {
    return absentPages(StorePin.historyOf(pin), StorePin.mustView(pin), pages);
  }

  present(pin: Pin, countMax: number): PageSet | undefined {
    return presentPages(StorePin.historyOf(pin), StorePin.mustView(pin), countMax);
  }

  putFetched(pin: Pin, index: PageIndex, data: Uint8Array | undefined): void {
    this.#pages.putFetched(pin, index, data);
  }

  openStage(): PageStage {
    return new DurablePageStage(this.#disk, (data) => this.#learnFrom(data));
  }

  commitLocal(commit: NewLocalCommit): number {
    return this.#share.exclusively(() => this.#commit(commit));
  }

  #commit(commit: NewLocalCommit): number {
    const { replica } = this.#disk;
    const version = replica.facts.version + 1;
    for (const data of commit.pages.values()) this.#learnFrom(data);
    const { pages, slots } = placePages(this.#disk, commit, version);
    const { pageCount, message, appTransactionId, reads, replay } = commit;
    const note = { message, appTransactionId, reads, replay };
    const toWrite = { version, pageCount, pageSize: this.pageSize, pages, ...note };
    let change: CommitChange;
    try {
      change = this.#log.writeCommit(toWrite, this.#options.durability === "full");
    } catch (error) {
      // A record that names them may be on the disk: they are free only after the next flush.
      for (const slot of slots) this.#disk.pages.slots.release(slot);
      throw error;
    }
    // Before the history takes as much memory for the same pages.
    durableStageOf(commit.staged)?.handOver();
    this.#log.applyCommit(change);
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

  mergeRemote(remote: RemotePoint, changed: PageSet): number {
    return this.#share.exclusively(() => {
      this.#learnPageSize(remote);
      const { replica } = this.#disk;
      replica.mustBeMergeable(remote, changed);
      const version = replica.facts.version + 1;
      this.#log.change({ kind: "merge", version, remote, changed });
      return version;
    });
  }

  preparePush(commitId: CommitId): PreparedPush {
    return this.#share.exclusively(() => {
      const { replica } = this.#disk;
      const { facts } = replica;
      const { toVersion } = replica.fold(commitId);
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

  isLatest(pin: Pin): boolean {
    this.#share.lookToRead();
    return this.#disk.replica.facts.version === pin.version;
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

  #onUnpinned(group: PinGroup): void {
    this.#share.pins.close(group, this.#share.isAlone);
    this.#pages.forgetDropped();
    this.#share.forgetUnpinned();
    if (this.#isOpen) this.#evictWhenOver();
  }

  /** A pin was closed. While one is open on the latest snapshot, there is nothing to evict. */
  #evictWhenOver(): void {
    const { cacheSizeMax } = this.#options;
    if (this.usage().bytes <= cacheSizeMax) return;
    if (this.#disk.replica.history.epoch.pinCount > 0) return;
    try {
      // An eviction walks the whole table: it makes room for a while.
      this.evict(cacheSizeMax - cacheSizeMax / 32);
    } catch (error) {
      // The disk fails. Whoever closes a pin asked for nothing of it: a commit may have been made.
      if (!isGraftError(error, "io")) throw error;
    }
  }

  #learnFrom(data: Uint8Array): void {
    this.#pages.adoptPageSize(pageSizeOf(data, this.pageSize));
  }

  #learnPageSize(remote: RemotePoint): void {
    this.#pages.adoptPageSize(agreedPageSize(this.volumeId, this.pageSize, remote.pageSize));
  }
}
