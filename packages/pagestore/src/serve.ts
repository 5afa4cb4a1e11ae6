import { serverGuard } from "@graft/auth";
import type { Clock, Compute, FileSystem, Random } from "@graft/core";
import { objectKindOf } from "@graft/format";
import { openObjectStore, probeObjectStore } from "@graft/object-store";
import {
  createMetastoreClient,
  type Log,
  MetricsRegistry,
  registerObjectStoreMetrics,
  type Tracer,
  traceInterceptor,
  traceObjectStore,
} from "@graft/rpc";
import { createNodeTransport, type RunningServer, startServer } from "@graft/rpc/node";
import { checkTokensAgree } from "./check-tokens-agree.ts";
import type { PagestoreConfig } from "./config.ts";
import { createPagestore } from "./create-pagestore.ts";
import { openDiskFrameCache } from "./frame-cache/open-disk-frame-cache.ts";
import { MetastoreCommitSource } from "./metastore-commit-source.ts";
import { openQueryPool } from "./query/open-query-pool.ts";
import { PAGESTORE_USUAL_SIZES } from "./service/routes.ts";

/** How long calls under way may still take when a server stops, ms. */
const DRAIN_MS = 10_000;

/** The doors to the world a server needs. */
export interface ServeMeans {
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly fileSystem: FileSystem;
  /** Environment variables: AWS_* for `s3:`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Fetches the keys of an identity provider. Default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Makes spans of calls and of requests to the object store. Default: nothing is traced. */
  readonly tracer?: Tracer | undefined;
}

/** A server that runs until it is disposed: calls under way are drained first. */
export interface ServingPagestore extends AsyncDisposable {
  /** "http://127.0.0.1:3000". */
  readonly url: string;
}

/**
 * Serves a PageStore on a port of its own, after having probed its object store.
 *
 * @throws GraftError `invalid-argument` when the configuration or the store cannot be used,
 *   `unavailable` when the store cannot be reached or the port is taken
 */
export async function servePagestore(
  config: PagestoreConfig,
  means: ServeMeans,
): Promise<ServingPagestore> {
  const { clock, log, tracer } = means;
  const guard = serverGuard(config.guard ?? {}, means);
  const { store, meter } = await openObjectStore(config.storeUrl, means);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => store.close());
  const metrics = new MetricsRegistry();
  registerObjectStoreMetrics(metrics, meter, objectKindOf);
  if (tracer !== undefined) traceObjectStore(meter, tracer, clock);
  await probeObjectStore(store, means.random);
  const { transport, close } = createNodeTransport({
    baseUrl: config.metastoreUrl,
    clock,
    interceptors: tracer === undefined ? [] : [traceInterceptor(tracer)],
  });
  cleanup.defer(close);
  const client = createMetastoreClient(transport);
  if (guard.isOpen) await checkTokensAgree(client, means);
  const diskCache =
    config.diskCache === undefined
      ? undefined
      : await openDiskFrameCache({ ...means, ...config.diskCache });
  if (diskCache !== undefined) cleanup.use(diskCache);
  const queries =
    config.runQueries === false ? undefined : cleanup.use(openQueryPool({ clock, metrics }));
  const instance = cleanup.use(
    createPagestore({
      ...means,
      store,
      commitSource: new MetastoreCommitSource({ client, store }),
      frameCacheSize: config.frameCacheSize,
      diskCache,
      queries,
      guard,
      metrics,
      volumeBytesMax: config.edge?.volumeBytesMax,
    }),
  );
  const { host, port, edge } = config;
  const { routes, rawRoutes } = instance;
  const usualSizes = PAGESTORE_USUAL_SIZES;
  const authenticate = guard.authenticate.bind(guard);
  const mounted = { routes, rawRoutes, usualSizes, authenticate, edge };
  const server = await startServer({ host, port, ...mounted, metrics, log, clock, tracer });
  cleanup.defer(() => drain(server, log));
  log.info({ url: server.url, store: store.name, metastore: config.metastoreUrl }, "serving pages");
  const owned = cleanup.move();
  return { url: server.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function drain(server: RunningServer, log: Log): Promise<void> {
  log.info({}, "draining");
  await server.close(DRAIN_MS);
}
