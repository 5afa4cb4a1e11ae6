import { type GuardConfig, serverGuard } from "@graft/auth";
import { MemoryVolumeCatalog } from "@graft/catalog";
import { objectKindOf } from "@graft/format";
import { createMetastore, type NotifyConfig, openNotify } from "@graft/metastore";
import { openObjectStore, probeObjectStore } from "@graft/object-store";
import {
  createPagestore,
  type DiskCacheConfig,
  MetastoreCommitSource,
  openDiskFrameCache,
  openQueryPool,
  PAGESTORE_USUAL_SIZES,
} from "@graft/pagestore";
import {
  createMetastoreClient,
  MetricsRegistry,
  registerObjectStoreMetrics,
  traceObjectStore,
} from "@graft/rpc";
import { startServer } from "@graft/rpc/node";
import { createInProcessTransport } from "./in-process-transport.ts";
import type { Listening, RunningRole, ServerMeans } from "./run-server.ts";

/** How long calls under way may still take when the server stops, ms. */
const DRAIN_MS = 10_000;

export interface AllInOneOptions extends Listening {
  readonly storeUrl: string;
  /**
   * Whether other nodes commit to the same store, and how this one learns of it. Default `none`.
   */
  readonly notify?: NotifyConfig | undefined;
  /** How it knows its callers. Default: everybody may do everything. */
  readonly guard?: GuardConfig | undefined;
  /** Frames that survive a restart. Default: none. */
  readonly diskCache?: DiskCacheConfig | undefined;
  /** Whether queries that come with reads are run. Default: they are. */
  readonly runQueries?: boolean | undefined;
}

/**
 * Both services in one process on one port, on one catalog: what the MetaStore commits the
 * PageStore knows without asking.
 *
 * @throws GraftError `invalid-argument`: the store cannot be used · `unavailable`: it cannot be
 *   reached, or the port is taken
 */
export async function serveAllInOne(
  options: AllInOneOptions,
  means: ServerMeans,
): Promise<RunningRole> {
  const { clock, log, random, tracer } = means;
  const guard = serverGuard(options.guard ?? {}, means);
  const { store, meter } = await openObjectStore(options.storeUrl, means);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => store.close());
  const metrics = new MetricsRegistry();
  registerObjectStoreMetrics(metrics, meter, objectKindOf);
  if (tracer !== undefined) traceObjectStore(meter, tracer, clock);
  await probeObjectStore(store, random);
  const volumeBytesMax = options.edge?.volumeBytesMax;
  const catalog = new MemoryVolumeCatalog();
  const common = { ...means, store, catalog, metrics, guard, volumeBytesMax };
  const notify = await openNotify(options.notify ?? "none", means);
  const metastore = cleanup.use(createMetastore({ ...common, notify }));
  const transport = createInProcessTransport(metastore.routes, {
    clock,
    log,
    metrics: new MetricsRegistry(),
  });
  const client = createMetastoreClient(transport);
  const commitSource = new MetastoreCommitSource({ client, store });
  const diskCache =
    options.diskCache === undefined
      ? undefined
      : await openDiskFrameCache({ ...means, ...options.diskCache });
  if (diskCache !== undefined) cleanup.use(diskCache);
  const queries = options.runQueries === false ? undefined : cleanup.use(openQueryPool(common));
  const pagestore = cleanup.use(createPagestore({ ...common, commitSource, diskCache, queries }));
  const server = await startServer({
    host: options.host,
    port: options.port,
    edge: options.edge,
    routes: (router) => {
      metastore.routes(router);
      pagestore.routes(router);
    },
    rawRoutes: [...metastore.rawRoutes, ...pagestore.rawRoutes],
    streamRoutes: metastore.streamRoutes,
    authenticate: (token) => guard.authenticate(token),
    usualSizes: PAGESTORE_USUAL_SIZES,
    metrics,
    tracer,
    log,
    clock,
  });
  cleanup.defer(async () => {
    log.info({}, "draining");
    metastore.drain();
    await server.close(DRAIN_MS);
  });
  log.info({ url: server.url, store: store.name }, "serving commits and pages");
  const owned = cleanup.move();
  return { url: server.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
