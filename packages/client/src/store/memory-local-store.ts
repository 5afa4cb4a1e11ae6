import {
  type CommitId,
  type FileLock,
  invariant,
  type PageIndex,
  type PageSet,
  type PageSize,
  type VolumeId,
} from "@graft/core";
import type { UploadedSegment } from "../remote/remote.ts";
import { oldestEvictable } from "./history/oldest-evictable.ts";
import { ABSENT, ZEROS } from "./history/page-chains.ts";
import { noteFieldsOf, type ReplayPlace } from "./local-commit.ts";
import type {
  LocalState,
  LocalStore,
  NewLocalCommit,
  Pin,
  PreparedPush,
  RemotePoint,
} from "./local-store.ts";
import { MemoryPageStage, memoryStageOf } from "./memory-page-stage.ts";
import { agreedPageSize, pageSizeOf } from "./page-size-check.ts";
import { type PageStage, sortedIndexes } from "./page-stage.ts";
import { absentPages, presentPages, Replica, StorePin } from "./replica.ts";
import { Turn } from "./turn.ts";

export interface MemoryLocalStoreOptions {
  readonly volumeId: VolumeId;
  /** Known for a volume that is made here; learnt from the first pull otherwise. */
  readonly pageSize?: PageSize | undefined;
}

/** A local store for as long as the process lives. What it keeps, it keeps in memory. */
export function createMemoryLocalStore(options: MemoryLocalStoreOptions): LocalStore {
  return new MemoryLocalStore(options);
}

function keepReplay(replay: Uint8Array): ReplayPlace {
  return { kind: "memory", size: replay.length, bytes: replay.slice() };
}

function replayInMemory(place: ReplayPlace): Uint8Array {
  invariant(place.kind === "memory", "what this store keeps is in memory");
  return place.bytes.slice();
}

class MemoryLocalStore implements LocalStore {
  readonly volumeId: VolumeId;
  readonly isAlone = true;
  #pageSize: PageSize | undefined;
  /** By location. */
  readonly #pages: (Uint8Array | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #replica = new Replica({
    release: (location) => this.#release(location),
    readReplay: (_, place) => replayInMemory(place),
  });
  readonly #writes = new Turn();
  readonly #sync = new Turn();

  constructor({ volumeId, pageSize }: MemoryLocalStoreOptions) {
    this.volumeId = volumeId;
    this.#pageSize = pageSize;
  }

  get pageSize(): PageSize | undefined {
    return this.#pageSize;
  }

  state(): LocalState {
    return this.#replica.facts.state();
  }

  pin(): Pin {
    return this.#replica.pin();
  }

  pinPush(): Pin | undefined {
    return this.#replica.pinPush();
  }

  read(pin: Pin, index: PageIndex, target: Uint8Array): "page" | "zeros" | "absent" {
    const location = this.#replica.history.locateToRead(StorePin.mustView(pin), index);
    if (location === ABSENT) return "absent";
    if (location === ZEROS) {
      target.fill(0);
      return "zeros";
    }
    target.set(this.#pageAt(location));
    return "page";
  }

  absent(pin: Pin, pages: PageSet): PageSet {
    return absentPages(this.#replica.history, StorePin.mustView(pin), pages);
  }

  present(pin: Pin, countMax: number): PageSet | undefined {
    return presentPages(this.#replica.history, StorePin.mustView(pin), countMax);
  }

  putFetched(pin: Pin, index: PageIndex, data: Uint8Array | undefined): void {
    const { history } = this.#replica;
    const view = StorePin.viewOf(pin);
    if (view === undefined || !history.isMissing(view, index)) return;
    if (data === undefined) {
      history.put(view, index, ZEROS);
      return;
    }
    pageSizeOf(data, this.#pageSize);
    history.put(view, index, this.#keep(data.slice()));
  }

  openStage(): PageStage {
    return new MemoryPageStage((data) => this.#learnFrom(data));
  }

  commitLocal(commit: NewLocalCommit): number {
    const { replay, pageCount, staged } = commit;
    const stage = memoryStageOf(staged);
    const pages: [page: number, location: number][] = [];
    const sorted = sortedIndexes(commit);
    const last = sorted.at(-1) ?? 0;
    invariant(last <= pageCount, "a commit has no page above its page count");
    for (const data of commit.pages.values()) this.#learnFrom(data);
    for (const page of sorted) {
      const data = commit.pages.get(page as PageIndex)?.slice() ?? stage?.take(page);
      invariant(data !== undefined, "each page of a commit has its bytes");
      pages.push([page, this.#keep(data)]);
    }
    return this.#replica.commit({
      pageCount,
      pages,
      ...noteFieldsOf(commit),
      ...(replay !== undefined && { replay: keepReplay(replay) }),
    });
  }

  applyRemote(remote: RemotePoint, changed: PageSet): number {
    this.#learnPageSize(remote);
    return this.#replica.applyRemote(remote, changed);
  }

  mergeRemote(remote: RemotePoint, changed: PageSet): number {
    this.#learnPageSize(remote);
    return this.#replica.mergeRemote(remote, changed);
  }

  preparePush(commitId: CommitId): PreparedPush {
    return this.#replica.preparePush(commitId);
  }

  keepUploaded(segments: readonly UploadedSegment[]): void {
    this.#replica.facts.keepUploaded(0, segments);
  }

  completePush(remote: RemotePoint): void {
    this.#learnPageSize(remote);
    this.#replica.completePush(remote);
  }

  abandonPush(): void {
    this.#replica.endPush(false);
  }

  markDiverged(): void {
    this.#replica.endPush(true);
  }

  resetToRemote(remote: RemotePoint | undefined, changed: PageSet): number {
    if (remote !== undefined) this.#learnPageSize(remote);
    return this.#replica.reset(remote, changed);
  }

  usage(): { readonly pages: number; readonly bytes: number } {
    const pages = this.#replica.history.storedCount;
    return { pages, bytes: pages * (this.#pageSize ?? 0) };
  }

  evict(targetBytes: number): void {
    const pageSize = this.#pageSize;
    if (pageSize === undefined) return;
    const { history } = this.#replica;
    const surplus = history.storedCount - Math.floor(targetBytes / pageSize);
    for (const page of oldestEvictable(history, surplus)) history.evict(page);
  }

  close(): void {
    this.#pages.length = 0;
  }

  lockWrites(): FileLock | undefined {
    return this.#writes.take();
  }

  lockSync(): FileLock | undefined {
    return this.#sync.take();
  }

  isLatest(pin: Pin): boolean {
    return this.#replica.facts.version === pin.version;
  }

  /** What is in memory has no other process. */
  refresh(): boolean {
    return false;
  }

  #learnFrom(data: Uint8Array): void {
    this.#pageSize = pageSizeOf(data, this.#pageSize);
  }

  #keep(data: Uint8Array): number {
    const location = this.#free.pop() ?? this.#pages.length;
    this.#pages[location] = data;
    return location;
  }

  #release(location: number): void {
    this.#pages[location] = undefined;
    this.#free.push(location);
  }

  #pageAt(location: number): Uint8Array {
    const page = this.#pages[location];
    invariant(page !== undefined, "a page in the history has bytes");
    return page;
  }

  #learnPageSize(remote: RemotePoint): void {
    this.#pageSize = agreedPageSize(this.volumeId, this.#pageSize, remote.pageSize);
  }
}
