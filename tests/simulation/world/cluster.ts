/** One bucket, MetaStores, PageStores, and the network in front of them. */
import { MemoryVolumeCatalog, type VolumeCatalog } from "@graft/catalog";
import type { Remote, RemoteEvent } from "@graft/client";
import { createConnectRemote } from "@graft/client";
import type { CommitId, Compute } from "@graft/core";
import type { SeededRandom, SimulatedClock } from "@graft/core/testing";
import type { CommitRecord } from "@graft/format";
import { createMetastoreClient, createPagestoreClient, type MetastoreClient } from "@graft/rpc";
import { followRemote } from "../../harness/follow-remote.ts";
import { HintNetwork } from "./hint-network.ts";
import type { History } from "./history.ts";
import { type ClockSkew, Lifeline, mortalStore } from "./lifeline.ts";
import { Network } from "./network.ts";
import { followMetastore, ServiceNode, type ServiceNodeParts } from "./service-node.ts";
import { createSimulatedCompute } from "./simulated-compute.ts";
import { StormyStore } from "./stormy-store.ts";

const METASTORE_COUNT = 2;
const PAGESTORE_COUNT = 2;
/** A server's clock is off by this much at most when it starts, ms. */
const SKEW_MS_MAX = 2_000;

export interface SimulatedClusterParts {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly history: History;
  readonly onCommit: (record: CommitRecord) => void;
}

export class SimulatedCluster {
  readonly network: Network;
  readonly hints: HintNetwork;
  readonly compute: Compute;
  readonly store: StormyStore;
  readonly #parts: SimulatedClusterParts;
  /** Whether the MetaStores tell each other what they commit, or look. */
  readonly #hasHints: boolean;
  readonly #landed = new Set<CommitId>();
  readonly #metastores: ServiceNode[];
  readonly #pagestores: ServiceNode[];

  constructor(parts: SimulatedClusterParts) {
    const { clock, random, history } = parts;
    this.#parts = parts;
    this.compute = createSimulatedCompute(clock, random.fork());
    this.network = new Network({ clock, random: random.fork(), history });
    this.hints = new HintNetwork({ clock, random: random.fork(), history });
    this.#hasHints = random.chance(0.5);
    this.store = new StormyStore({
      clock,
      random,
      history,
      compute: this.compute,
      onCommit: (record, isAwaited) => {
        if (!isAwaited) history.reach("late-landing PUT");
        if (record.commitId !== undefined) this.#landed.add(record.commitId);
        parts.onCommit(record);
      },
      onCheckpoint: () => history.reach("checkpoint"),
    });
    this.#metastores = Array.from({ length: METASTORE_COUNT }, (_, at) => this.#startMetastore(at));
    this.#pagestores = Array.from({ length: PAGESTORE_COUNT }, (_, at) => this.#startPagestore(at));
  }

  /** The services, as the network knows them. */
  get serviceNames(): readonly string[] {
    return [...this.#metastores, ...this.#pagestores].map(({ lifeline }) => lifeline.name);
  }

  /** The wall clocks of the services. */
  get skews(): readonly ClockSkew[] {
    return [...this.#metastores, ...this.#pagestores].map(({ skew }) => skew);
  }

  /** Kills a MetaStore, and starts another one, with empty caches or with its catalog. */
  replaceMetastore(): void {
    this.#parts.history.reach("metastore killed");
    const at = this.#parts.random.integer(0, METASTORE_COUNT - 1);
    this.#metastores[at] = this.#startMetastore(at, this.#end(this.#metastores[at]));
  }

  /** Kills a PageStore, and starts another one, with empty caches or with its catalog. */
  replacePagestore(): void {
    this.#parts.history.reach("pagestore killed");
    const at = this.#parts.random.integer(0, PAGESTORE_COUNT - 1);
    this.#pagestores[at] = this.#startPagestore(at, this.#end(this.#pagestores[at]));
  }

  /** Kills a node. Answers what its disk keeps of its caches: all of its catalog, or nothing. */
  #end(node: ServiceNode | undefined): VolumeCatalog | undefined {
    node?.lifeline.cut();
    if (this.#parts.random.chance(0.5)) return undefined;
    this.#parts.history.reach("restarted with its catalog");
    return node?.catalog;
  }

  /** The services as a client sees them: whichever run at the moment of each call. */
  openRemote(lifeline: Lifeline): Remote {
    const remotes = new WeakMap<ServiceNode, Remote>();
    const remote = followRemote(() => {
      const pagestore = this.#parts.random.pick(this.#pagestores);
      const known = remotes.get(pagestore);
      if (known !== undefined) return known;
      const way = this.network.between(lifeline, pagestore.lifeline);
      const opened = createConnectRemote({
        name: "cluster",
        clients: {
          metastore: this.#metastoreFor(lifeline),
          pagestore: createPagestoreClient(pagestore.connect(way)),
        },
        compute: this.compute,
        close: async () => undefined,
      });
      remotes.set(pagestore, opened);
      return opened;
    });
    return {
      ...remote,
      watch: (request, signal) => this.#observed(remote.watch(request, signal)),
      commit: async (request, signal) => {
        const isThere = this.#landed.has(request.commitId);
        const answer = await remote.commit(request, signal);
        if (isThere && answer.kind === "committed") {
          this.#parts.history.reach("idempotent replay");
        }
        return answer;
      },
    };
  }

  /** Counts what a stream of news says. */
  async *#observed(events: AsyncIterable<RemoteEvent>): AsyncGenerator<RemoteEvent> {
    for await (const event of events) {
      if (event.kind !== "heartbeat") this.#parts.history.reach(`watch: ${event.kind}`);
      yield event;
    }
  }

  #metastoreFor(lifeline: Lifeline): MetastoreClient {
    const clients = new WeakMap<ServiceNode, MetastoreClient>();
    return followMetastore(() => {
      const node = this.#parts.random.pick(this.#metastores);
      const known = clients.get(node);
      if (known !== undefined) return known;
      const way = this.network.between(lifeline, node.lifeline);
      const client = createMetastoreClient(node.connect(way));
      clients.set(node, client);
      return client;
    });
  }

  #startMetastore(at: number, catalog?: VolumeCatalog): ServiceNode {
    const parts = this.#partsOfNode(`metastore-${at}`, catalog);
    return ServiceNode.metastore(parts, this.#hasHints ? this.hints.join(parts.lifeline) : "probe");
  }

  #startPagestore(at: number, catalog?: VolumeCatalog): ServiceNode {
    const parts = this.#partsOfNode(`pagestore-${at}`, catalog);
    return ServiceNode.pagestore(parts, this.#metastoreFor(parts.lifeline));
  }

  #partsOfNode(name: string, catalog: VolumeCatalog = new MemoryVolumeCatalog()): ServiceNodeParts {
    const { clock, random } = this.#parts;
    const { network, compute } = this;
    const lifeline = new Lifeline(name);
    const { awaited } = this.store.bucket;
    return {
      store: mortalStore(this.store, { lifeline, network, awaited }),
      catalog,
      clock,
      compute,
      random: random.fork(),
      skew: { ms: random.integer(-SKEW_MS_MAX, SKEW_MS_MAX) },
      lifeline,
    };
  }
}
