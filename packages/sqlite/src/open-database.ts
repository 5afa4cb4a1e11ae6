import {
  createNewsFeed,
  type NewsFeed,
  type PrefetchOptions,
  type Remote,
  Runtime,
  type SyncPolicy,
  type TokenSource,
  type Volume,
} from "@graft/client";
import {
  type Clock,
  type FileSystem,
  GraftError,
  parseVolumeId,
  type Random,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import type { Engine, MissStrategyKind } from "@graft/sqlite-engine";
import type { Tracer } from "@opentelemetry/api";
import type { ConflictPolicy } from "./conflict/conflict-policy.ts";
import { Database } from "./database.ts";
import type { Traffic } from "./database-options.ts";
import { SpillArea } from "./file/spill-area.ts";
import { createOfflineRemote } from "./offline-remote.ts";

/** The tag of a database in a data directory when neither tag nor volume is named. */
export const TAG_DEFAULT = "main";

export interface OpenDatabaseOptions {
  /** The server, or one for each service. Without it nothing can be fetched, pushed or pulled. */
  readonly url?: string | { readonly metastore: string; readonly pagestore: string } | undefined;
  /**
   * Sent with every request: a text, or who is asked for it each time. Once it has ended, what is
   * committed here waits, `status().lastError` says so, and syncing goes on with the next valid
   * one.
   */
  readonly token?: TokenSource | undefined;
  /**
   * The data directory. Without it everything is in memory, and gone when the database is closed.
   */
  readonly path?: string | undefined;
  /** The volume, as its id. Without it: the one that the tag names here, else a new one. */
  readonly volume?: string | undefined;
  /** A local name for the volume. Default "main" where there is a path and no volume. */
  readonly tag?: string | undefined;
  /** Page size of a new volume, 512 … 65536, default 4096; of another one it has to be the same. */
  readonly pageSize?: number | undefined;
  /** "full" (default): a commit survives power loss. "relaxed": it survives the process. */
  readonly durability?: "full" | "relaxed" | undefined;
  /**
   * Bytes of pages kept on disk; above it clean ones are evicted, oldest first, and fetched again
   * when they are read. Default: no limit.
   */
  readonly cacheSizeMax?: number | undefined;
  /**
   * "auto" (default where there is a url): commits are pushed as they come, and other clients'
   * arrive by themselves · "manual": pushing and pulling is up to the caller.
   */
  readonly sync?: "auto" | "manual" | undefined;
  /** With "auto": ms that a commit waits for others to be pushed with it. Default 0. */
  readonly pushDelayMs?: number | undefined;
  /**
   * With "auto": what another client's commit brings along. "eager" (default): the pages that came
   * with its news, when it is small · "lazy": the knowledge of what changed · "full": every page of
   * the database, in the background.
   */
  readonly replica?: SyncPolicy["pages"] | undefined;
  /**
   * What is done when another client committed on our base and the two cannot be merged. Default
   * "stop": it is left to the application (`reset`, `rebase`); local work goes on meanwhile.
   */
  readonly onConflict?: ConflictPolicy | undefined;
  /**
   * Keeps the statements of each write transaction beside its commit until it is pushed, so that
   * they can be run again on another base. Default: with `onConflict: "rebase"`.
   */
  readonly recordStatements?: boolean | undefined;
  /**
   * How much a fresh replica may bring along that nobody asked for: schema and upper levels of the
   * trees come with the first answer, so that a query finds its rows in few round trips. false:
   * nothing.
   */
  readonly prefetch?: PrefetchOptions | false | undefined;
  /** Connections that read at the same time. Default 8. */
  readonly readersMax?: number | undefined;
  /** How long a write tries again while somebody else writes. Default 5 s. */
  readonly busyTimeoutMs?: number | undefined;
  /** How SQLite waits for pages. Default: as the runtime can. */
  readonly missStrategy?: MissStrategyKind | undefined;
  /**
   * Makes a span of each statement (its text is in it, values are not), transaction, push and pull,
   * and of each call to the server, which goes on with the trace. Default: nothing is traced.
   */
  readonly tracer?: Tracer | undefined;
  /** Ends the opening. */
  readonly signal?: AbortSignal | undefined;
}

/** What a platform brings along. */
export interface OpenDatabaseMeans {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly openRemote: (
    url: Exclude<OpenDatabaseOptions["url"], undefined>,
    token: TokenSource | undefined,
    tracer: Tracer | undefined,
  ) => Remote & { traffic?(): Traffic };
  /** What happens on the server. Default: one stream for each database. */
  readonly openNewsFeed?: (
    url: Exclude<OpenDatabaseOptions["url"], undefined>,
    token: TokenSource | undefined,
  ) => NewsFeed;
}

/**
 * Opens SQLite on a volume: one that is here, a replica of one on the server (at most two requests,
 * no pages), or a new one (no network; the first push creates it there).
 *
 * Many processes may open one data directory, and one process may open it many times: readers never
 * wait, writers take turns, and each transaction begins on what all of them committed.
 *
 * @throws GraftError `not-found`: neither here nor there · `unavailable`: not here, and no server ·
 *   `invalid-argument`: page size or tag do not match · `busy`: the data directory is used by an
 *   older program, or by `graft fsck`
 */
export async function openDatabaseWith(
  means: OpenDatabaseMeans,
  options: OpenDatabaseOptions,
): Promise<Database> {
  const { clock, random, fileSystem } = means;
  const { path, durability, cacheSizeMax, prefetch = {} } = options;
  const isAuto = (options.sync ?? (options.url === undefined ? "manual" : "auto")) === "auto";
  if (isAuto && options.url === undefined) {
    throw new GraftError("invalid-argument", 'sync: "auto" needs a url to sync with');
  }
  const remote: Remote & { traffic?(): Traffic } =
    options.url === undefined
      ? createOfflineRemote()
      : means.openRemote(options.url, options.token, options.tracer);
  const runtime = await openRuntime(remote, {
    clock,
    random,
    ...(isAuto &&
      options.url !== undefined && {
        newsFeed:
          means.openNewsFeed?.(options.url, options.token) ??
          createNewsFeed({ remote, clock, random }),
      }),
    ...(path !== undefined && { directory: { path, fileSystem } }),
    ...(durability !== undefined && { durability }),
    ...(cacheSizeMax !== undefined && { cacheSizeMax }),
    ...(prefetch !== false && { prefetch }),
  });
  try {
    const volume = await openVolume(runtime, options);
    checkPageSize(volume, options.pageSize);
    const { readersMax, busyTimeoutMs, missStrategy, onConflict, recordStatements } = options;
    const { tracer } = options;
    const traffic = remote.traffic?.bind(remote);
    const database = new Database({
      volume,
      engine: means.engine,
      clock,
      random,
      ...(path !== undefined && {
        save: { fileSystem, directory: `${path}/saved` },
        spill: spillAreaOf(runtime, means),
      }),
      ...(readersMax !== undefined && { readersMax }),
      ...(busyTimeoutMs !== undefined && { busyTimeoutMs }),
      ...(missStrategy !== undefined && { missStrategy }),
      ...(traffic !== undefined && { traffic }),
      ...(onConflict !== undefined && { onConflict }),
      ...(recordStatements !== undefined && { recordStatements }),
      ...(tracer !== undefined && { tracer }),
      onClose: () => runtime.close(),
    });
    if (isAuto) volume.startSync(syncPolicyOf(options, database));
    return database;
  } catch (error) {
    await runtime.close();
    throw error;
  }
}

function syncPolicyOf(
  { pushDelayMs, replica }: OpenDatabaseOptions,
  database: Database,
): SyncPolicy {
  return {
    onDiverged: async (signal) => void (await database.resolveConflict({ signal })),
    ...(pushDelayMs !== undefined && { pushDelayMs }),
    ...(replica !== undefined && { pages: replica }),
  };
}

async function openRuntime(
  remote: Remote,
  options: Omit<Parameters<typeof Runtime.open>[0], "remote">,
): Promise<Runtime> {
  try {
    return await Runtime.open({ remote, ...options });
  } catch (error) {
    await options.newsFeed?.close();
    await remote.close();
    throw error;
  }
}

async function openVolume(runtime: Runtime, options: OpenDatabaseOptions): Promise<Volume> {
  const named = options.volume === undefined ? undefined : parseVolumeId(options.volume);
  const hasHome = options.path !== undefined && named === undefined;
  const tag = options.tag ?? (hasHome ? TAG_DEFAULT : undefined);
  const tagged = tag === undefined ? undefined : runtime.tags.get(tag);
  mustNameTheSame(tag, tagged, named);
  const volumeId = named ?? tagged;
  if (volumeId === undefined) {
    // With its tag at once: another process may be making a volume of that name at this moment.
    return await runtime.createVolume({
      ...(options.pageSize !== undefined && { pageSize: toPageSize(options.pageSize) }),
      ...(tag !== undefined && { tag }),
    });
  }
  const volume = await runtime.openVolume(volumeId, options.signal);
  // Last, so that a tag never names what could not be opened.
  if (tag !== undefined && tagged === undefined) await runtime.addTag(tag, volume.volumeId);
  return volume;
}

/** Temporary files lie apart for each process, so that those of a dead one can be told. */
function spillAreaOf(runtime: Runtime, { fileSystem, random }: OpenDatabaseMeans): SpillArea {
  const directory = runtime.temporaryPath;
  return new SpillArea(directory === undefined ? {} : { disk: { fileSystem, directory, random } });
}

function mustNameTheSame(
  tag: string | undefined,
  tagged: VolumeId | undefined,
  named: VolumeId | undefined,
): void {
  if (tagged === undefined || named === undefined || tagged === named) return;
  throw new GraftError(
    "invalid-argument",
    `tag "${tag}" names volume ${tagged}, not ${named}: use another tag, or leave one of them out`,
  );
}

function checkPageSize(volume: Volume, wanted: number | undefined): void {
  if (wanted === undefined || wanted === volume.pageSize) return;
  throw new GraftError(
    "invalid-argument",
    `volume ${volume.volumeId} has pages of ${volume.pageSize} bytes, not of ${wanted}: ` +
      "leave the page size out",
  );
}
