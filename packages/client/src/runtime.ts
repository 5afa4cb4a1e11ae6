import {
  type ClientId,
  type Clock,
  createClientId,
  createVolumeId,
  type FileSystem,
  GraftError,
  isGraftError,
  MutablePageSet,
  PAGE_SIZE_DEFAULT,
  type PageSize,
  type Random,
  type Snapshot,
  type VolumeId,
} from "@graft/core";
import { DataDirectory } from "./data-directory.ts";
import type { Succession, VolumeOrigin } from "./directory/directory-contents.ts";
import {
  type ImportRequest,
  type ImportResult,
  importPages,
  openImportJournal,
} from "./import-pages.ts";
import { type AskedBundle, askForBundle, type Prefetching } from "./prefetch/ask-for-bundle.ts";
import { PrefetchBudget, type PrefetchOptions } from "./prefetch/prefetch-budget.ts";
import type { Remote } from "./remote/remote.ts";
import { ReplicaVolume } from "./replica-volume.ts";
import { openSharedLocalStore } from "./store/durable/open-local-store.ts";
import type { LocalStore } from "./store/local-store.ts";
import { createMemoryLocalStore } from "./store/memory-local-store.ts";
import { CompanyPoll } from "./sync/company-poll.ts";
import { createHealthPlace, type HealthPlace } from "./sync/health-record.ts";
import { createDiskShelf, createMemoryShelf, type Shelf } from "./sync/shelf.ts";
import { SyncLanes } from "./sync/sync-lanes.ts";
import type { SyncMeans } from "./sync/sync-means.ts";
import type { Volume } from "./volume.ts";
import { waitForLock } from "./wait-for-lock.ts";
import type { NewsFeed } from "./watch/news-feed.ts";

export interface RuntimeOptions {
  /** The services. The runtime closes it. */
  readonly remote: Remote;
  readonly clock: Clock;
  readonly random: Random;
  /** Where volumes are kept. Absent: in memory, for as long as the runtime is open. */
  readonly directory?: { readonly path: string; readonly fileSystem: FileSystem };
  /** "full" (default): a commit survives power loss. "relaxed": it survives the process. */
  readonly durability?: "full" | "relaxed";
  /** Tells what happens to volumes that sync by themselves. Absent: they ask. It is closed here. */
  readonly newsFeed?: NewsFeed;
  /**
   * Bytes of pages a volume keeps on disk; above it clean ones that nobody reads are evicted,
   * oldest first. What was not pushed is kept whatever its size. Default: no limit.
   */
  readonly cacheSizeMax?: number;
  /** What comes along with the first read of each volume. Default: nothing. */
  readonly prefetch?: PrefetchOptions;
}

export interface NewVolumeOptions {
  readonly pageSize?: PageSize;
  /** A local name. When it names a volume already, that one is opened and nothing is made. */
  readonly tag?: string;
}

/**
 * All volumes of one client. Many runtimes, in one process or in several, may use one data
 * directory at once; each opens a volume once.
 */
export class Runtime implements AsyncDisposable {
  readonly remote: Remote;
  readonly #memoryClientId: ClientId;
  readonly #options: RuntimeOptions;
  readonly #directory: DataDirectory | undefined;
  readonly #open = new Map<VolumeId, ReplicaVolume>();
  readonly #opening = new Set<VolumeId>();
  readonly #memoryTags = new Map<string, VolumeId>();
  readonly #sync: SyncMeans;
  #closed: Promise<void> | undefined;

  private constructor(options: RuntimeOptions, directory: DataDirectory | undefined) {
    this.remote = options.remote;
    this.#options = options;
    this.#directory = directory;
    this.#memoryClientId = directory?.clientId ?? createClientId(options);
    this.#sync = {
      feed: options.newsFeed,
      lanes: new SyncLanes(),
      company: directory && createCompanyPoll(directory, options.clock),
    };
  }

  /** @throws GraftError as `DataDirectory.open` */
  static async open(options: RuntimeOptions): Promise<Runtime> {
    const place = options.directory;
    if (place === undefined) return new Runtime(options, undefined);
    const means = { ...place, clock: options.clock, random: options.random };
    return new Runtime(options, await DataDirectory.open(place.path, means));
  }

  /** Who commits from here. A data directory that was copied or restored takes a new one. */
  get clientId(): ClientId {
    return this.#directory?.clientId ?? this.#memoryClientId;
  }

  /** The client id before this one, when the data directory was found to be a copy or restored. */
  get succeeds(): Succession | undefined {
    return this.#directory?.succeeds;
  }

  /** For temporary files of this runtime; undefined in memory. */
  get temporaryPath(): string | undefined {
    return this.#directory?.temporaryPath;
  }

  /** Local names of volumes. */
  get tags(): ReadonlyMap<string, VolumeId> {
    return this.#directory?.tags ?? this.#memoryTags;
  }

  /** Volumes that are kept here. */
  get volumeIds(): readonly VolumeId[] {
    return [...(this.#directory?.volumes.keys() ?? this.#open.keys())];
  }

  /** @throws GraftError `invalid-argument`: the tag names another volume already */
  async addTag(tag: string, volumeId: VolumeId): Promise<void> {
    if (this.#directory !== undefined) return this.#directory.addTag(tag, volumeId);
    this.#memoryTags.set(tag, volumeId);
  }

  /** Makes an empty volume here. It works offline; the first push creates it remotely. */
  async createVolume(options: NewVolumeOptions = {}): Promise<Volume> {
    const { pageSize = PAGE_SIZE_DEFAULT, tag } = options;
    const volumeId = createVolumeId(this.#options);
    if (this.#directory === undefined) {
      const taken = tag === undefined ? undefined : this.#memoryTags.get(tag);
      if (taken !== undefined) return this.openVolume(taken);
      if (tag !== undefined) this.#memoryTags.set(tag, volumeId);
      return this.#hold(await this.#openStore(volumeId, pageSize));
    }
    let made: LocalStore | undefined;
    const makeStore = async (): Promise<void> => {
      made = await this.#openStore(volumeId, pageSize);
    };
    try {
      const named = await this.#directory.createVolume(volumeId, tag, makeStore);
      return made === undefined ? await this.openVolume(named) : this.#hold(made);
    } catch (error) {
      made?.close();
      throw error;
    }
  }

  /**
   * Opens a volume that is here, or makes a replica of a remote one (at most two requests, no
   * pages).
   *
   * @throws GraftError `not-found`: neither here nor there · `unavailable`: not here, and no server
   *   · `busy`: open already
   */
  async openVolume(volumeId: VolumeId, signal?: AbortSignal): Promise<Volume> {
    return this.#openOnce(volumeId, async () => {
      const origin = this.#directory?.volumes.get(volumeId);
      if (origin === undefined) return this.#clone(volumeId, signal);
      const store = await this.#openStore(volumeId, undefined);
      // A replica whose making was interrupted knows nothing yet: it is made again.
      const isUnmade = store.pageSize === undefined;
      if (!isUnmade) return this.#hold(store);
      store.close();
      return this.#clone(volumeId, signal);
    });
  }

  /**
   * Sends pages as the first commit of a new volume, and opens a replica of it without pages.
   *
   * @throws GraftError with the volume id in the details · `busy`: another process imports under
   *   this tag · `unavailable`: nothing is known of the outcome
   */
  async importVolume(request: ImportRequest): Promise<{ volume: Volume; result: ImportResult }> {
    const { clock, random, directory } = this.#options;
    const means = { remote: this.remote, clientId: this.clientId, clock, random, directory };
    using journal = openImportJournal(request, means);
    try {
      const result = await importPages(request, journal, means);
      const { volumeId } = journal;
      const volume = await this.#openOnce(volumeId, async () => {
        await this.#directory?.addVolume(volumeId, "cloned");
        return this.#adopt(volumeId, result, this.#createPrefetching());
      });
      if (request.tag !== undefined) await this.addTag(request.tag, volumeId);
      journal.finish();
      return { volume, result };
    } catch (error) {
      if (!isGraftError(error)) throw error;
      // Nobody else knows the id of what may have been made.
      const details = { ...error.details, volume: journal.volumeId };
      throw new GraftError(error.code, error.message, { details, cause: error });
    }
  }

  /**
   * Closes every volume, then gives the directory back, also when a volume could not be flushed.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const closed = await Promise.allSettled([...this.#open.values()].map((one) => one.close()));
    try {
      await this.#options.newsFeed?.close();
      await this.remote.close();
    } finally {
      await this.#directory?.close();
    }
    for (const one of closed) if (one.status === "rejected") throw one.reason;
  }

  async #openOnce(volumeId: VolumeId, make: () => Promise<ReplicaVolume>): Promise<Volume> {
    if (this.#open.has(volumeId) || this.#opening.has(volumeId)) {
      throw new GraftError("busy", `volume ${volumeId} is open already: use the open one`);
    }
    this.#opening.add(volumeId);
    try {
      return await make();
    } finally {
      this.#opening.delete(volumeId);
    }
  }

  async #clone(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<ReplicaVolume> {
    const budget = this.#createPrefetching()?.budget;
    const bundle = askForBundle(this.remote, volumeId, budget, signal);
    const snapshot = await this.#snapshotOf(volumeId, bundle, signal);
    if (snapshot === undefined) {
      throw new GraftError(
        "not-found",
        `volume ${volumeId} is neither in this data directory nor on ${this.remote.name}: check the id`,
        { details: { volume: volumeId } },
      );
    }
    await this.#directory?.addVolume(volumeId, "cloned" satisfies VolumeOrigin);
    const expected = bundle && { ...bundle, lsn: snapshot.lsn };
    return this.#adopt(volumeId, snapshot, budget && { budget, expected });
  }

  async #snapshotOf(
    volumeId: VolumeId,
    bundle: AskedBundle | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Snapshot | undefined> {
    try {
      return await this.remote.getSnapshot(volumeId, signal);
    } catch (error) {
      bundle?.abort.abort(error);
      throw error;
    }
  }

  #createPrefetching(): Prefetching | undefined {
    const { prefetch } = this.#options;
    return prefetch && { budget: new PrefetchBudget(prefetch) };
  }

  /** A replica stands on a remote snapshot. Another process may be making the same one. */
  async #adopt(
    volumeId: VolumeId,
    point: Parameters<LocalStore["applyRemote"]>[0],
    prefetch: Prefetching | undefined,
  ): Promise<ReplicaVolume> {
    const store = await this.#openStore(volumeId, undefined);
    const { lsn, pageCount, pageSize } = point;
    const { clock, random } = this.#options;
    try {
      const turn = await waitForLock(() => store.lockWrites(), { clock, random });
      try {
        if (store.state().version === 0) {
          store.applyRemote({ lsn, pageCount, pageSize }, new MutablePageSet());
        }
      } finally {
        turn?.close();
      }
    } catch (error) {
      store.close();
      throw error;
    }
    return this.#hold(store, prefetch);
  }

  async #openStore(volumeId: VolumeId, pageSize: PageSize | undefined): Promise<LocalStore> {
    // The directory may be another process's already.
    if (this.#closed !== undefined) {
      throw new GraftError("invalid-argument", `volume ${volumeId}: its runtime is closed`);
    }
    const place = this.#options.directory;
    if (place === undefined || this.#directory === undefined) {
      return createMemoryLocalStore({ volumeId, pageSize });
    }
    return await openSharedLocalStore({
      fileSystem: place.fileSystem,
      clock: this.#options.clock,
      directory: this.#directory.volumePath(volumeId),
      volumeId,
      pageSize,
      durability: this.#options.durability ?? "full",
      ...(this.#options.cacheSizeMax !== undefined && { cacheSizeMax: this.#options.cacheSizeMax }),
    });
  }

  #healthPlaceOf(volumeId: VolumeId): HealthPlace | undefined {
    const place = this.#options.directory;
    const path = this.#directory?.volumePath(volumeId);
    if (place === undefined || path === undefined) return undefined;
    return createHealthPlace(place.fileSystem, `${path}/health`);
  }

  #shelfOf(volumeId: VolumeId): Shelf {
    const place = this.#options.directory;
    if (place === undefined || this.#directory === undefined) return createMemoryShelf();
    return createDiskShelf(place.fileSystem, `${this.#directory.volumePath(volumeId)}/aside`);
  }

  #hold(
    store: LocalStore,
    prefetch: Prefetching | undefined = this.#createPrefetching(),
  ): ReplicaVolume {
    const volume = new ReplicaVolume({
      store,
      shelf: this.#shelfOf(store.volumeId),
      healthPlace: this.#healthPlaceOf(store.volumeId),
      remote: this.remote,
      clientId: () => this.#directory?.clientIdOf(store.volumeId) ?? this.#memoryClientId,
      resolveClientId: async () => this.#directory?.resolveVolume(store.volumeId),
      clock: this.#options.clock,
      random: this.#options.random,
      sync: this.#sync,
      tryLead: () => this.#directory?.tryLead(store.volumeId),
      prefetch,
      onClose: () => this.#open.delete(store.volumeId),
    });
    this.#open.set(store.volumeId, volume);
    return volume;
  }
}

/** What a look at other processes fails with is no reason to stop: they are looked for again. */
function createCompanyPoll(directory: DataDirectory, clock: Clock): CompanyPoll {
  return new CompanyPoll({ clock, hasCompany: () => directory.hasCompany() });
}
