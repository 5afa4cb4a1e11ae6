import type {
  LocalCommit,
  LocalCommitOutcome,
  LocalCommitRequest,
  PullResult,
  PushResult,
  RebaseResult,
  ResetOptions,
  ResetResult,
  SyncResult,
  Volume,
  VolumeEvents,
  VolumeOutbox,
  VolumeReader,
  VolumeStatus,
  VolumeWriter,
} from "@graft/client";
import {
  GraftError,
  invariant,
  type Lsn,
  nextLsn,
  PAGE_COUNT_ZERO,
  PAGE_SIZE_DEFAULT,
  type PageCount,
  type PageIndex,
  type PageSet,
  type PageSize,
  pageSetOf,
  toPageIndex,
  toVolumeId,
  type VolumeId,
} from "@graft/core";

const VOLUME_ID = toVolumeId(new Uint8Array(16).fill(1).fill(0x80, 0, 1));

/** One immutable state of the volume. */
interface Version {
  readonly number: number;
  readonly pageCount: PageCount;
  readonly pages: ReadonlyMap<number, Uint8Array>;
  readonly lsn: Lsn | undefined;
}

export interface FakeVolumeOptions {
  readonly pageSize?: PageSize;
  /** Awaited by every fetch of a page that is not here. */
  readonly onFetch?: (pages: PageSet, signal: AbortSignal | undefined) => Promise<void>;
}

/**
 * A volume in memory, with the guarantees of the real one and with faults on request: pages that
 * are not here, commits that fail, another client's commits. There is no server: what was pushed is
 * what "remote" holds.
 */
export class FakeVolume implements Volume {
  readonly volumeId: VolumeId = VOLUME_ID;
  readonly pageSize: PageSize;
  /** Page reads of all readers and writers so far. */
  readCount = 0;
  /** Every page index that a fetch asked for and that was not here. */
  readonly fetchedPages: number[] = [];
  /** Local commits so far. */
  commitCount = 0;
  openReaderCount = 0;
  /** Called with the target of each page read: for tests that do harm to it. */
  onRead: ((target: Uint8Array) => void) | undefined;
  readonly #options: FakeVolumeOptions;
  readonly #listeners = new Map<string, Set<(value: never) => void>>();
  #absent = new Set<Uint8Array>();
  #latest: Version;
  #remote: Version;
  #pending: LocalCommit[] = [];
  #writer: FakeWriter | undefined;
  #news: (() => void)[] = [];
  #commitFailure: (() => Error | undefined) | undefined;

  constructor(options: FakeVolumeOptions = {}) {
    this.#options = options;
    this.pageSize = options.pageSize ?? PAGE_SIZE_DEFAULT;
    this.#latest = { number: 0, pageCount: PAGE_COUNT_ZERO, pages: new Map(), lsn: undefined };
    this.#remote = this.#latest;
  }

  get version(): number {
    return this.#latest.number;
  }

  get hasOpenWriter(): boolean {
    return this.#writer !== undefined;
  }

  /** The bytes of a page of the latest snapshot; undefined when it does not exist. */
  pageBytes(index: number): Uint8Array | undefined {
    return this.#latest.pages.get(index);
  }

  get pageCount(): PageCount {
    return this.#latest.pageCount;
  }

  /** Makes all pages of the latest snapshot, or these, unavailable until they are fetched. */
  evict(pages?: Iterable<number>): void {
    const chosen = pages === undefined ? undefined : new Set(pages);
    for (const [index, bytes] of this.#latest.pages) {
      if (chosen?.has(index) ?? true) this.#absent.add(bytes);
    }
  }

  /** The next commits fail with this error, until it is cleared with undefined. */
  failCommits(failure: (() => Error | undefined) | undefined): void {
    this.#commitFailure = failure;
  }

  /** Another client's commit arrives: applied now, or when the open write transaction has ended. */
  receive(change: { pageCount?: PageCount; pages: ReadonlyMap<number, Uint8Array> }): void {
    const apply = (): void => {
      const pages = new Map([...this.#latest.pages, ...change.pages]);
      const pageCount = change.pageCount ?? this.#latest.pageCount;
      this.#advance(pages, pageCount, nextLsn(this.#latest.lsn));
      this.#remote = this.#latest;
    };
    if (this.#writer === undefined) apply();
    else this.#news.push(apply);
  }

  openReader(): VolumeReader {
    return this.openReaderAt(this.#latest);
  }

  openReaderAt(version: Version): VolumeReader {
    this.openReaderCount++;
    let isOpen = true;
    const isLatest = (): boolean => isOpen && this.#latest === version;
    return {
      get isLatest() {
        return isLatest();
      },
      pageSize: this.pageSize,
      pageCount: version.pageCount,
      lsn: version.lsn,
      version: version.number,
      baseVersion: 0,
      read: (index, target) => {
        invariant(isOpen, "a closed reader is not read");
        return this.#read(version, index, target);
      },
      fetch: (pages, signal) => this.#fetch(version, pages, signal),
      close: () => {
        if (isOpen) this.openReaderCount--;
        isOpen = false;
      },
    };
  }

  openWriter(): VolumeWriter | undefined {
    if (this.#writer !== undefined) return undefined;
    this.#writer = new FakeWriter(this.openReader(), {
      commit: (request, dirty) => this.#commit(request, dirty),
      onEnd: () => {
        this.#writer = undefined;
        for (const apply of this.#news.splice(0)) apply();
      },
    });
    return this.#writer;
  }

  async push(): Promise<PushResult> {
    if (this.#pending.length === 0) return { kind: "nothing-to-push" };
    const commitCount = this.#pending.length;
    this.#pending = [];
    const lsn = nextLsn(this.#latest.lsn);
    this.#latest = { ...this.#latest, lsn };
    this.#remote = this.#latest;
    return { kind: "pushed", lsn, commitCount, pageCount: this.#latest.pageCount };
  }

  async pull(): Promise<PullResult> {
    return { lsn: this.#latest.lsn, changedPageCount: 0 };
  }

  async sync(): Promise<SyncResult> {
    return { pull: await this.pull(), push: await this.push() };
  }

  async hydrate(): Promise<{ fetchedPageCount: number }> {
    const before = this.#absent.size;
    this.#absent.clear();
    return { fetchedPageCount: before };
  }

  async reset(options: ResetOptions = {}): Promise<ResetResult> {
    const discardedCommitCount = this.#pending.length;
    const reader = this.openReader();
    try {
      if (discardedCommitCount > 0) await options.save?.(reader, undefined);
    } finally {
      reader.close();
    }
    this.#pending = [];
    this.#advance(this.#remote.pages, this.#remote.pageCount, this.#remote.lsn);
    return { lsn: this.#latest.lsn, discardedCommitCount };
  }

  startSync(): void {}
  async stopSync(): Promise<void> {}

  async waitForRemote(lsn: Lsn): Promise<void> {
    while ((this.#latest.lsn ?? 0n) < lsn) await this.pull();
  }

  async waitForPushed(): Promise<Lsn | undefined> {
    await this.push();
    return this.#latest.lsn;
  }

  async rebase(): Promise<RebaseResult> {
    return { lsn: this.#latest.lsn, rebasedCount: 0, rejectedCount: 0 };
  }

  readonly outbox: VolumeOutbox = {
    list: () => [],
    discard: async () => false,
    retry: async () => ({ kind: "done" }),
  };

  status(): VolumeStatus {
    const pages = this.#latest.pages.size - this.#absent.size;
    return {
      volumeId: this.volumeId,
      state: this.#pending.length > 0 ? "pending" : "synced",
      snapshot: {
        version: this.#latest.number,
        pageCount: this.#latest.pageCount,
        pageSize: this.pageSize,
      },
      local: { pending: this.#pending.length, rejected: 0 },
      remote: { lsn: this.#remote.lsn },
      cached: { pages, bytes: pages * this.pageSize },
      lagMs: undefined,
      sync: undefined,
      lastError: undefined,
    };
  }

  pendingCommits(): readonly LocalCommit[] {
    return this.#pending;
  }

  async remoteLog(): Promise<{ commits: []; hasMore: false }> {
    return { commits: [], hasMore: false };
  }

  on<E extends keyof VolumeEvents>(
    event: E,
    listener: (value: VolumeEvents[E]) => void,
  ): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  #advance(
    pages: ReadonlyMap<number, Uint8Array>,
    pageCount: PageCount,
    lsn: Lsn | undefined,
  ): void {
    const kept = new Map([...pages].filter(([index]) => index <= pageCount));
    this.#latest = { number: this.#latest.number + 1, pageCount, pages: kept, lsn };
  }

  #commit(request: LocalCommitRequest, dirty: ReadonlyMap<number, Uint8Array>): LocalCommitOutcome {
    const base = this.#latest;
    const changed = new Map(
      [...dirty].filter(
        ([index, bytes]) =>
          index <= request.pageCount &&
          (index > base.pageCount || !equals(bytes, base.pages.get(index), this.pageSize)),
      ),
    );
    if (changed.size === 0 && request.pageCount === base.pageCount) return { kind: "unchanged" };
    const failure = this.#commitFailure?.();
    if (failure !== undefined) throw failure;
    if (this.#news.length > 0 && this.#pending.length === 0) {
      throw new GraftError("busy-snapshot", "another client's commit arrived");
    }
    this.#advance(new Map([...base.pages, ...changed]), request.pageCount, base.lsn);
    const pages = pageSetOf([...changed.keys()].map(toPageIndex));
    const { number: version, pageCount } = this.#latest;
    this.#pending = [...this.#pending, { version, pageCount, pages }];
    this.commitCount++;
    const reader = request.opensReader === true ? this.openReader() : undefined;
    return { kind: "committed", version, reader };
  }

  #read(version: Version, index: PageIndex, target: Uint8Array): boolean {
    this.readCount++;
    this.onRead?.(target);
    const bytes = version.pages.get(index);
    if (bytes === undefined) target.fill(0);
    else if (this.#absent.has(bytes)) return false;
    else target.set(bytes);
    return true;
  }

  async #fetch(version: Version, pages: PageSet, signal: AbortSignal | undefined): Promise<void> {
    const missing = [...pages].filter((index) => {
      const bytes = version.pages.get(index);
      return bytes !== undefined && this.#absent.has(bytes);
    });
    if (missing.length === 0) return;
    this.fetchedPages.push(...missing);
    await this.#options.onFetch?.(pageSetOf(missing.map(toPageIndex)), signal);
    signal?.throwIfAborted();
    for (const index of missing) {
      const bytes = version.pages.get(index);
      if (bytes !== undefined) this.#absent.delete(bytes);
    }
  }
}

interface FakeWriterHooks {
  commit(request: LocalCommitRequest, dirty: ReadonlyMap<number, Uint8Array>): LocalCommitOutcome;
  onEnd(): void;
}

class FakeWriter implements VolumeWriter {
  readonly base: VolumeReader;
  readonly pageSize: PageSize;
  readonly #hooks: FakeWriterHooks;
  readonly #dirty = new Map<number, Uint8Array>();
  #isOpen = true;

  constructor(base: VolumeReader, hooks: FakeWriterHooks) {
    this.base = base;
    this.pageSize = base.pageSize;
    this.#hooks = hooks;
  }

  read(index: PageIndex, target: Uint8Array): boolean {
    const dirty = this.#dirty.get(index);
    if (dirty === undefined) return this.base.read(index, target);
    target.set(dirty);
    return true;
  }

  write(index: PageIndex, page: Uint8Array): void {
    invariant(this.#isOpen, "a writer writes before it is used up");
    invariant(page.length === this.pageSize, "a whole page is written");
    this.#dirty.set(index, page.slice());
  }

  commit(request: LocalCommitRequest): LocalCommitOutcome {
    invariant(this.#isOpen, "a writer commits once");
    const outcome = this.#hooks.commit(request, this.#dirty);
    this.#end();
    return outcome;
  }

  rollback(): void {
    if (this.#isOpen) this.#end();
  }

  #end(): void {
    this.#isOpen = false;
    this.base.close();
    this.#hooks.onEnd();
  }
}

function equals(a: Uint8Array, b: Uint8Array | undefined, size: number): boolean {
  const other = b ?? new Uint8Array(size);
  return a.every((byte, at) => byte === other[at]);
}
