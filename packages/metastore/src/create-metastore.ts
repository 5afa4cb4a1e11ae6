import type { ConnectRouter } from "@connectrpc/connect";
import { type Guard, OPEN_GUARD } from "@graft/auth";
import { CheckpointReader, type VolumeCatalog } from "@graft/catalog";
import type { Clock, Compute, Random, VolumeId } from "@graft/core";
import type { ObjectStore } from "@graft/object-store";
import { type Log, MetricsRegistry, type RawRoute, type StreamRoute } from "@graft/rpc";
import { CatalogUpdater } from "./catalog-updater.ts";
import { Checkpointer } from "./checkpointer.ts";
import { Committer } from "./committer.ts";
import { guardMetastore } from "./guarded-metastore.ts";
import { HeadHintWriter } from "./head-hint-writer.ts";
import { KnownHeads } from "./known-heads.ts";
import { Metastore } from "./metastore.ts";
import { HintNotifier } from "./notify/hint-notifier.ts";
import { NewsReader } from "./notify/news-reader.ts";
import type { Notifier } from "./notify/notifier.ts";
import type { Notify } from "./notify/notify-config.ts";
import { registerNotifyMetrics } from "./notify/notify-metrics.ts";
import { ProbeNotifier } from "./notify/probe-notifier.ts";
import { SilentNotifier } from "./notify/silent-notifier.ts";
import { RecordCache } from "./record-cache.ts";
import { SegmentVerifier } from "./segment-verifier.ts";
import { metastoreStreams, rawMetastoreRoutes, registerMetastore } from "./service/routes.ts";
import { VolumeLog } from "./volume-log.ts";
import { VolumeMaps } from "./volume-map.ts";
import { VolumeRecords } from "./volume-records.ts";
import { WatchHub } from "./watch-hub.ts";
import { WatchTally } from "./watch-tally.ts";

/** How long a commit goes on trying, ms: below the 55 s a call may take, and v0.1's 60 s. */
export const COMMIT_DEADLINE_MS = 30_000;
/**
 * Memory for stored records: at ≤ 128 KiB of inline pages, the last 128 greatest, or thousands of
 * small ones.
 */
export const RECORD_CACHE_SIZE_DEFAULT: number = 16 * 1024 * 1024;

/** What a MetaStore is made of. The store and the catalog stay the caller's to close. */
export interface MetastoreOptions {
  readonly store: ObjectStore;
  /** May be shared with a PageStore in the same process. */
  readonly catalog: VolumeCatalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly log: Log;
  /** Ms; default `COMMIT_DEADLINE_MS`. */
  readonly commitDeadlineMs?: number | undefined;
  /** Bytes of stored records kept in memory; default 16 MiB. */
  readonly recordCacheSize?: number | undefined;
  /**
   * Whether other nodes commit to the same store, and how this one learns of it. Default `none`.
   */
  readonly notify?: Notify | undefined;
  /** Bytes of pages that a volume may have. Default: what the format holds. */
  readonly volumeBytesMax?: number | undefined;
  /** Who may do what. Default: everybody everything. */
  readonly guard?: Guard | undefined;
  /** What a MetaStore tells of itself is registered here. */
  readonly metrics?: MetricsRegistry | undefined;
}

/** A MetaStore, and what a server mounts. Disposing it gives up checkpoints under way and
 * writes the head hints that are behind. */
export interface MetastoreInstance extends AsyncDisposable {
  readonly metastore: Metastore;
  /** Registers the service. */
  readonly routes: (router: ConnectRouter) => void;
  /** The routes of v0.1. */
  readonly rawRoutes: readonly RawRoute[];
  /** `Watch`, written as bytes. */
  readonly streamRoutes: readonly StreamRoute[];
  /** Resolves when no checkpoint is being written. */
  whenCheckpointed(): Promise<void>;
  /** Ends every `Watch` with a word of farewell: call it before the server closes. */
  drain(): void;
}

/** Puts a MetaStore together. */
export function createMetastore(given: MetastoreOptions): MetastoreInstance {
  const metrics = given.metrics ?? new MetricsRegistry();
  const options = { ...given, metrics };
  const { store, catalog, clock } = options;
  const cache = new RecordCache(options.recordCacheSize ?? RECORD_CACHE_SIZE_DEFAULT);
  const appendDeadlineMs = options.commitDeadlineMs ?? COMMIT_DEADLINE_MS;
  const volumeLog = new VolumeLog({ ...options, cache, appendDeadlineMs });
  const commits = new CatalogUpdater({ catalog, log: volumeLog });
  const notify = options.notify ?? "none";
  const heads = new KnownHeads({ clock, log: volumeLog, isAlone: notify === "none" });
  const volumes = new VolumeRecords(options);
  const news = new NewsReader({
    heads,
    commits,
    clock,
    log: options.log,
    isWatched: (volumeId) => hub.isWatched(volumeId),
    onNews: (volumeId) => {
      hub.publish(volumeId);
      notifier.moved(volumeId);
    },
  });
  const notifier = createNotifier(notify, { ...options, heads, news });
  const onWatched = (volumeId: VolumeId, isWatched: boolean): void => {
    if (isWatched) notifier.watch(volumeId);
    else notifier.leave(volumeId);
  };
  const hub = new WatchHub({
    catalog,
    heads,
    clock,
    tally: new WatchTally(metrics, clock),
    onWatched,
  });
  const checkpoints = new CheckpointReader({ objects: store, compute: options.compute });
  const maps = new VolumeMaps({ commits, checkpoints });
  const checkpointer = new Checkpointer({ ...options, checkpoints, maps });
  const hints = new HeadHintWriter({ store, clock, log: options.log });
  const committer = new Committer({
    ...options,
    volumeLog,
    commits,
    heads,
    volumes,
    segments: new SegmentVerifier(options),
    checkpointer,
    maps,
    onCommit: (commit) => {
      const { volumeId, lsn } = commit.record;
      hints.note(volumeId, lsn);
      hub.publish(volumeId);
      notifier.moved(volumeId);
      notifier.committed(volumeId, lsn);
      checkpointer.note(commit);
    },
  });
  registerWatchMetrics(metrics, hub);
  const metastore = new Metastore({ volumeLog, commits, heads, volumes, committer, hub, maps });
  const open = guardMetastore(metastore, options.guard ?? OPEN_GUARD, options.clock);
  return {
    metastore,
    routes: (router) => registerMetastore(router, open),
    rawRoutes: rawMetastoreRoutes(open),
    streamRoutes: metastoreStreams(open),
    whenCheckpointed: () => checkpointer.whenIdle(),
    drain: () => hub.drain(),
    [Symbol.asyncDispose]: async () => {
      hub.drain();
      await notifier[Symbol.asyncDispose]();
      await news[Symbol.asyncDispose]();
      await checkpointer[Symbol.asyncDispose]();
      await hints[Symbol.asyncDispose]();
    },
  };
}

function createNotifier(
  notify: Notify,
  parts: MetastoreOptions & { readonly heads: KnownHeads; readonly news: NewsReader },
): Notifier {
  if (notify === "none") return new SilentNotifier();
  if (notify === "probe") return new ProbeNotifier(parts);
  const notifier = new HintNotifier({ ...parts, bus: notify });
  if (parts.metrics !== undefined) registerNotifyMetrics(parts.metrics, notifier);
  return notifier;
}

function registerWatchMetrics(metrics: MetricsRegistry, hub: WatchHub): void {
  metrics.callback("gauge", "graft_watch_streams", "Watch streams open now.", () => [
    { labels: {}, value: hub.streamCount },
  ]);
  metrics.callback("gauge", "graft_watch_volumes", "Volumes of all Watch streams.", () => [
    { labels: {}, value: hub.subscriptionCount },
  ]);
}
