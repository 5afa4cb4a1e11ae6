/**
 * A whole Graft in one process: one object store, a MetaStore and a PageStore over it, and as many
 * clients as a test wants. `network: "tcp"` speaks through real ports; `"memory"` through the
 * in-memory transport, where a simulated clock makes a run repeatable.
 */

import type { ConnectRouter, Interceptor, Transport } from "@connectrpc/connect";
import { MemoryVolumeCatalog } from "@graft/catalog";
import { createConnectRemote, type Remote, Runtime } from "@graft/client";
import type { Clock, Compute, FileSystem, Random } from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { createStillCompute } from "@graft/core/testing";
import { createMetastore } from "@graft/metastore";
import { MemoryObjectStore, MeteredObjectStore, type ObjectStore } from "@graft/object-store";
import { createPagestore, MetastoreCommitSource, openQueryPool } from "@graft/pagestore";
import {
  createClients,
  createMetastoreClient,
  MetricsRegistry,
  type RawRoute,
  type StreamRoute,
  silentLog,
} from "@graft/rpc";
import { createNodeTransport, startServer } from "@graft/rpc/node";
import { createInMemoryTransport } from "@graft/rpc/testing";
import { followRemote } from "./follow-remote.ts";
import { UNREACHABLE } from "./unreachable-remote.ts";

export interface ClusterOptions {
  readonly network?: "tcp" | "memory";
  /** Default: in memory. It outlives restarts of the services. */
  readonly store?: ObjectStore;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Whether the PageStore runs queries of hints, in threads. Default: no. */
  readonly runsQueries?: boolean;
}

export interface ClientOptions {
  /** Absent: the client keeps everything in memory. */
  readonly directory?: { readonly path: string; readonly fileSystem: FileSystem };
  readonly durability?: "full" | "relaxed";
  /** Wrapped around the client's calls: faults go here. */
  readonly interceptors?: readonly Interceptor[];
}

interface Services {
  /** Undefined on the in-memory network. */
  readonly url: string | undefined;
  readonly connect: (interceptors: readonly Interceptor[]) => {
    readonly transport: Transport;
    readonly close: () => void;
  };
  readonly drain: () => void;
  readonly close: (deadlineMs: number) => Promise<void>;
}

/** Both services, not yet reachable. */
interface Parts {
  readonly routes: (router: ConnectRouter) => void;
  readonly rawRoutes: readonly RawRoute[];
  readonly streamRoutes: readonly StreamRoute[];
  readonly drain: () => void;
  readonly metrics: MetricsRegistry;
  readonly dispose: () => Promise<void>;
}

export class Cluster implements AsyncDisposable {
  readonly store: MeteredObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly #network: "tcp" | "memory";
  readonly #runsQueries: boolean;
  readonly #runtimes = new Set<Runtime>();
  #services: Services | undefined;

  private constructor(options: ClusterOptions) {
    this.clock = options.clock ?? systemClock;
    this.compute = createStillCompute(nodeCompute, this.clock);
    this.random = options.random ?? systemRandom;
    this.store = new MeteredObjectStore(options.store ?? new MemoryObjectStore(), this.clock);
    this.#network = options.network ?? "memory";
    this.#runsQueries = options.runsQueries === true;
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options);
    await cluster.startServices();
    return cluster;
  }

  /** Where the services listen, on the TCP network. */
  get url(): string | undefined {
    return this.#services?.url;
  }

  /** Starts both services with empty caches. */
  async startServices(): Promise<void> {
    const parts = this.#createParts();
    this.#services =
      this.#network === "tcp" ? await this.#serve(parts) : await this.#mountInMemory(parts);
  }

  /** Ends both services; what they kept is gone. Clients get errors meanwhile. */
  async stopServices(): Promise<void> {
    await this.#services?.close(0);
    this.#services = undefined;
  }

  /** As SIGTERM does: watchers are told to go elsewhere, and what is under way may end. */
  async drainServices(deadlineMs: number): Promise<void> {
    const services = this.#services;
    this.#services = undefined;
    services?.drain();
    await services?.close(deadlineMs);
  }

  async restartServices(): Promise<void> {
    await this.stopServices();
    await this.startServices();
  }

  /** A remote of its own connection, which follows the services through restarts. */
  openRemote(interceptors: readonly Interceptor[] = []): Remote {
    let opened: { readonly services: Services; readonly remote: Remote } | undefined;
    const current = (): Remote => {
      const services = this.#services;
      if (services === undefined) return UNREACHABLE;
      if (opened?.services !== services) {
        const { transport, close } = services.connect(interceptors);
        const remote = createConnectRemote({
          name: "cluster",
          clients: createClients(transport),
          compute: this.compute,
          close: async () => close(),
        });
        opened = { services, remote };
      }
      return opened.remote;
    };
    return followRemote(current, { close: async () => opened?.remote.close() });
  }

  /** A client. It is closed with the cluster, unless the test closes it. */
  async openClient(options: ClientOptions = {}): Promise<Runtime> {
    const runtime = await Runtime.open({
      remote: this.openRemote(options.interceptors),
      clock: this.clock,
      random: this.random,
      ...(options.directory && { directory: options.directory }),
      ...(options.durability && { durability: options.durability }),
    });
    this.#runtimes.add(runtime);
    return runtime;
  }

  /** The client's process is dead: what it had open nobody closes. */
  abandonClient(runtime: Runtime): void {
    this.#runtimes.delete(runtime);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runtime of this.#runtimes) await runtime.close();
    await this.stopServices();
    await this.store.close();
  }

  #createParts(): Parts {
    const { store, clock, random, compute } = this;
    const metrics = new MetricsRegistry();
    const common = { store, clock, random, compute, metrics, log: silentLog };
    const metastore = createMetastore({ ...common, catalog: new MemoryVolumeCatalog() });
    const toMetastore = createInMemoryTransport(metastore.routes, { clock });
    const queries = this.#runsQueries ? openQueryPool(common) : undefined;
    const pagestore = createPagestore({
      ...common,
      queries,
      catalog: new MemoryVolumeCatalog(),
      commitSource: new MetastoreCommitSource({
        client: createMetastoreClient(toMetastore),
        store,
      }),
    });
    const routes = (router: ConnectRouter): void => {
      metastore.routes(router);
      pagestore.routes(router);
    };
    const dispose = async (): Promise<void> => {
      await pagestore[Symbol.asyncDispose]();
      await metastore[Symbol.asyncDispose]();
      await queries?.[Symbol.asyncDispose]();
    };
    return {
      routes,
      rawRoutes: [...metastore.rawRoutes, ...pagestore.rawRoutes],
      streamRoutes: metastore.streamRoutes,
      drain: () => metastore.drain(),
      metrics,
      dispose,
    };
  }

  async #serve(parts: Parts): Promise<Services> {
    const { routes, rawRoutes, streamRoutes, metrics } = parts;
    const { clock } = this;
    const server = await startServer({
      port: 0,
      routes,
      rawRoutes,
      streamRoutes,
      metrics,
      clock,
      log: silentLog,
    });
    return {
      url: server.url,
      connect: (interceptors) => createNodeTransport({ baseUrl: server.url, clock, interceptors }),
      drain: parts.drain,
      close: async (deadlineMs) => {
        await server.close(deadlineMs);
        await parts.dispose();
      },
    };
  }

  async #mountInMemory(parts: Parts): Promise<Services> {
    const { clock } = this;
    return {
      url: undefined,
      connect: (clientInterceptors) => ({
        transport: createInMemoryTransport(parts.routes, { clock, clientInterceptors }),
        close: () => undefined,
      }),
      drain: parts.drain,
      close: parts.dispose,
    };
  }
}
