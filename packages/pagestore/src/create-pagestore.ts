import type { ConnectRouter } from "@connectrpc/connect";
import { type Guard, OPEN_GUARD } from "@graft/auth";
import { CheckpointReader, type VolumeCatalog } from "@graft/catalog";
import type { Clock, Compute, Random } from "@graft/core";
import type { ObjectStore } from "@graft/object-store";
import { MetricsRegistry, type RawRoute } from "@graft/rpc";
import { CommitLoader } from "./commit-loader.ts";
import type { CommitSource } from "./commit-source.ts";
import { FooterLoader } from "./footer-loader.ts";
import type { DiskFrameCache } from "./frame-cache/disk-frame-cache.ts";
import { registerCacheMetrics } from "./frame-cache/frame-cache-metrics.ts";
import { MemoryFrameCache } from "./frame-cache/memory-frame-cache.ts";
import { FrameLoader } from "./frame-loader.ts";
import { guardPagestore } from "./guarded-pagestore.ts";
import { PageFinder } from "./page-finder.ts";
import { Pagestore } from "./pagestore.ts";
import { Prefetcher } from "./prefetch/prefetcher.ts";
import type { QueryRunner } from "./query/query-runner.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { rawPagestoreRoutes, registerPagestore } from "./service/routes.ts";
import { VolumePageSizes } from "./volume-page-sizes.ts";

/** Memory for decoded frames unless told otherwise: a fifth of a server's 300 MiB. */
export const FRAME_CACHE_SIZE_DEFAULT: number = 32 * 1024 * 1024;

/**
 * What a PageStore is made of. The store, the source, the catalog, the disk cache and
 * the runner of queries stay the caller's to close.
 */
export interface PagestoreOptions {
  readonly store: ObjectStore;
  readonly commitSource: CommitSource;
  /** Of a MetaStore in the same process: what it holds is not asked for. */
  readonly catalog?: VolumeCatalog | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  /** Bytes of decoded frames kept in memory. Default 32 MiB. */
  readonly frameCacheSize?: number | undefined;
  /** Frames that survive a restart: see `openDiskFrameCache`. Default: none. */
  readonly diskCache?: DiskFrameCache | undefined;
  /** Bytes of pages that a volume may have. Default: what the format holds. */
  readonly volumeBytesMax?: number | undefined;
  /** Who may do what. Default: everybody everything, as far as the source lets them. */
  readonly guard?: Guard | undefined;
  /** Runs the queries that come with reads: see `QueryPool`. Default: none is run. */
  readonly queries?: QueryRunner | undefined;
  /** What a PageStore tells of itself is registered here. */
  readonly metrics?: MetricsRegistry | undefined;
}

/** A PageStore, and what a server mounts. */
export interface PagestoreInstance extends AsyncDisposable {
  readonly pagestore: Pagestore;
  /** Registers the service. */
  readonly routes: (router: ConnectRouter) => void;
  /** The routes of v0.1. */
  readonly rawRoutes: readonly RawRoute[];
}

/**
 * Puts a PageStore together. It owns no connection and no background work yet: disposing it costs
 * nothing, and a host does it all the same, as with every other owner.
 */
export function createPagestore(options: PagestoreOptions): PagestoreInstance {
  const { store, commitSource: source, catalog, compute, diskCache } = options;
  const cache = new MemoryFrameCache(options.frameCacheSize ?? FRAME_CACHE_SIZE_DEFAULT);
  const guard = options.guard ?? OPEN_GUARD;
  const metrics = options.metrics ?? new MetricsRegistry();
  registerCacheMetrics(metrics, cache, diskCache);
  const isGuarded = !guard.isOpen;
  const finder = new PageFinder({
    commits: new CommitLoader({ source, store, compute, catalog, metrics, isGuarded }),
    checkpoints: new CheckpointReader({ objects: store, compute }),
  });
  const frames = new FrameLoader({ store, cache, diskCache, compute, metrics });
  const pagestore = new Pagestore({
    finder,
    footers: new FooterLoader({ store, compute, metrics }),
    frames,
    prefetcher: new Prefetcher({ finder, frames, compute, clock: options.clock }),
    source,
    writer: new SegmentWriter({ ...options, metrics }),
    pageSizes: new VolumePageSizes({ store, compute }),
    clock: options.clock,
    volumeBytesMax: options.volumeBytesMax,
    queries: options.queries,
  });
  const open = guardPagestore(pagestore, guard);
  return {
    pagestore,
    routes: (router) => registerPagestore(router, open),
    rawRoutes: rawPagestoreRoutes(open),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
