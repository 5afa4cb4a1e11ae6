import { serverGuard } from "@graft/auth";
import { MemoryVolumeCatalog } from "@graft/catalog";
import type { Clock, Compute, FileSystem, Random } from "@graft/core";
import { objectKindOf } from "@graft/format";
import { openObjectStore, probeObjectStore } from "@graft/object-store";
import {
  type Log,
  MetricsRegistry,
  registerObjectStoreMetrics,
  type Tracer,
  traceObjectStore,
} from "@graft/rpc";
import { startServer } from "@graft/rpc/node";
import type { MetastoreConfig } from "./config.ts";
import { createMetastore } from "./create-metastore.ts";
import { openNotify } from "./notify/notify-config.ts";

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
export interface ServingMetastore extends AsyncDisposable {
  /** "http://127.0.0.1:3001". */
  readonly url: string;
}

/**
 * Serves a MetaStore on a port of its own, after having probed its object store.
 *
 * @throws GraftError `invalid-argument` when the configuration or the store cannot be used,
 *   `unavailable` when the store cannot be reached or the port is taken
 */
export async function serveMetastore(
  config: MetastoreConfig,
  means: ServeMeans,
): Promise<ServingMetastore> {
  const { clock, log, tracer } = means;
  const guard = serverGuard(config.guard ?? {}, means);
  const { store, meter } = await openObjectStore(config.storeUrl, means);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => store.close());
  const metrics = new MetricsRegistry();
  registerObjectStoreMetrics(metrics, meter, objectKindOf);
  if (tracer !== undefined) traceObjectStore(meter, tracer, clock);
  await probeObjectStore(store, means.random);
  const notify = await openNotify(config.notify ?? "none", means);
  const catalog = new MemoryVolumeCatalog();
  const { host, port, edge } = config;
  const common = { ...means, store, catalog, metrics, notify, guard };
  const instance = cleanup.use(
    createMetastore({ ...common, volumeBytesMax: edge?.volumeBytesMax }),
  );
  const { routes, rawRoutes, streamRoutes } = instance;
  const authenticate = guard.authenticate.bind(guard);
  const mounted = { routes, rawRoutes, streamRoutes, authenticate, edge };
  const server = await startServer({ host, port, ...mounted, metrics, log, clock, tracer });
  cleanup.defer(async () => {
    log.info({}, "draining");
    instance.drain();
    await server.close(DRAIN_MS);
  });
  log.info({ url: server.url, store: store.name }, "serving commits");
  const owned = cleanup.move();
  return { url: server.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
