/** A server: a MetaStore or a PageStore, as a process that may die. */
import type { Interceptor, Transport } from "@connectrpc/connect";
import type { VolumeCatalog } from "@graft/catalog";
import type { Clock, Compute } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import { createMetastore, type Notify } from "@graft/metastore";
import { type ObjectStore, RetryingObjectStore } from "@graft/object-store";
import { createPagestore, MetastoreCommitSource } from "@graft/pagestore";
import { type MetastoreClient, MetricsRegistry, silentLog } from "@graft/rpc";
import { createInMemoryTransport } from "@graft/rpc/testing";
import { type ClockSkew, type Lifeline, mortalClock } from "./lifeline.ts";

export interface ServiceNodeParts {
  /** As this node reaches it. */
  readonly store: ObjectStore;
  /** What it knows of volumes: as its predecessor left it, or empty. */
  readonly catalog: VolumeCatalog;
  readonly clock: Clock;
  readonly compute: Compute;
  readonly random: SeededRandom;
  readonly skew: ClockSkew;
  readonly lifeline: Lifeline;
}

type Routes = Parameters<typeof createInMemoryTransport>[0];

/** A running server, until it is killed. */
export class ServiceNode {
  readonly lifeline: Lifeline;
  readonly skew: ClockSkew;
  readonly catalog: VolumeCatalog;
  readonly #routes: Routes;
  readonly #clock: Clock;

  private constructor({ lifeline, skew, catalog }: ServiceNodeParts, routes: Routes, clock: Clock) {
    this.lifeline = lifeline;
    this.skew = skew;
    this.catalog = catalog;
    this.#routes = routes;
    this.#clock = clock;
  }

  /** @param notify how it learns what other nodes commit */
  static metastore(parts: ServiceNodeParts, notify: Notify): ServiceNode {
    const means = meansOf(parts);
    const { routes } = createMetastore({ ...means, catalog: parts.catalog, notify });
    return new ServiceNode(parts, routes, means.clock);
  }

  /** @param client the MetaStore, as this node reaches it */
  static pagestore(parts: ServiceNodeParts, client: MetastoreClient): ServiceNode {
    const means = meansOf(parts);
    const { routes } = createPagestore({
      ...means,
      catalog: parts.catalog,
      frameCacheSize: 1024 * 1024,
      commitSource: new MetastoreCommitSource({ client, store: means.store }),
    });
    return new ServiceNode(parts, routes, means.clock);
  }

  connect(...clientInterceptors: readonly Interceptor[]): Transport {
    return createInMemoryTransport(this.#routes, { clock: this.#clock, clientInterceptors });
  }
}

function meansOf({ store, clock, compute, random, skew, lifeline }: ServiceNodeParts): Omit<
  Parameters<typeof createMetastore>[0],
  "catalog"
> & {
  readonly metrics: MetricsRegistry;
} {
  const ownClock = mortalClock(clock, lifeline, skew);
  return {
    store: new RetryingObjectStore(store, { clock: ownClock, random }),
    clock: ownClock,
    random,
    compute,
    log: silentLog,
    metrics: new MetricsRegistry(),
  };
}

/** A client of whichever MetaStore runs at the moment of the call. */
export function followMetastore(current: () => MetastoreClient): MetastoreClient {
  return new Proxy({} as MetastoreClient, {
    get:
      (_, name) =>
      (...parameters: unknown[]): unknown => {
        const client = current();
        return Reflect.apply(Reflect.get(client, name) as () => unknown, client, parameters);
      },
  });
}
