/** A server: a MetaStore or a PageStore, as a process that may die. */
import type { Interceptor, Transport } from "@connectrpc/connect";
import { MemoryVolumeCatalog } from "@graft/catalog";
import type { Clock, Compute } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import { createMetastore } from "@graft/metastore";
import { type ObjectStore, RetryingObjectStore } from "@graft/object-store";
import { createPagestore, MetastoreCommitSource } from "@graft/pagestore";
import { type MetastoreClient, MetricsRegistry, silentLog } from "@graft/rpc";
import { createInMemoryTransport } from "@graft/rpc/testing";
import { Lifeline, mortalClock, mortalStore } from "./lifeline.ts";

export interface ServiceNodeParts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly compute: Compute;
  readonly random: SeededRandom;
  readonly skewMs: number;
}

type Routes = Parameters<typeof createInMemoryTransport>[0];

/** A running server, until it is killed. */
export class ServiceNode {
  readonly lifeline: Lifeline;
  readonly #routes: Routes;
  readonly #clock: Clock;

  private constructor(lifeline: Lifeline, routes: Routes, clock: Clock) {
    this.lifeline = lifeline;
    this.#routes = routes;
    this.#clock = clock;
  }

  static metastore(parts: ServiceNodeParts): ServiceNode {
    const lifeline = new Lifeline();
    const means = meansOf(parts, lifeline);
    const { routes } = createMetastore({
      ...means,
      catalog: new MemoryVolumeCatalog(),
      notify: "probe",
    });
    return new ServiceNode(lifeline, routes, means.clock);
  }

  /** @param connect the way to the MetaStore, from this node */
  static pagestore(
    parts: ServiceNodeParts,
    connect: (lifeline: Lifeline) => MetastoreClient,
  ): ServiceNode {
    const lifeline = new Lifeline();
    const means = meansOf(parts, lifeline);
    const { routes } = createPagestore({
      ...means,
      catalog: new MemoryVolumeCatalog(),
      frameCacheSize: 1024 * 1024,
      commitSource: new MetastoreCommitSource({ client: connect(lifeline), store: means.store }),
    });
    return new ServiceNode(lifeline, routes, means.clock);
  }

  connect(...clientInterceptors: readonly Interceptor[]): Transport {
    return createInMemoryTransport(this.#routes, { clock: this.#clock, clientInterceptors });
  }
}

function meansOf(
  { store, clock, compute, random, skewMs }: ServiceNodeParts,
  lifeline: Lifeline,
): Parameters<typeof createMetastore>[0] extends infer Options ? Omit<Options, "catalog"> : never {
  const ownClock = mortalClock(clock, lifeline, { skewMs });
  const ownStore = mortalStore(store, lifeline);
  return {
    store: new RetryingObjectStore(ownStore, { clock: ownClock, random }),
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
