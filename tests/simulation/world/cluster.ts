/** One bucket, MetaStores, PageStores, and the network in front of them. */
import type { Remote } from "@graft/client";
import { createConnectRemote } from "@graft/client";
import type { Compute } from "@graft/core";
import type { SeededRandom, SimulatedClock } from "@graft/core/testing";
import type { CommitRecord } from "@graft/format";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { createMetastoreClient, createPagestoreClient, type MetastoreClient } from "@graft/rpc";
import { followRemote } from "../../harness/follow-remote.ts";
import type { History } from "./history.ts";
import type { Lifeline } from "./lifeline.ts";
import { Network } from "./network.ts";
import { followMetastore, ServiceNode } from "./service-node.ts";
import { createSimulatedCompute } from "./simulated-compute.ts";
import { WitnessedStore } from "./witnessed-store.ts";

const METASTORE_COUNT = 2;
const PAGESTORE_COUNT = 2;
/** A server's clock is off by this much at most, ms. */
const SKEW_MS_MAX = 2_000;
/** Latency of an object store that is well, ms. */
const LATENCY = { kind: "latency", minMs: 0.2, maxMs: 4 } as const;

export interface SimulatedClusterParts {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly history: History;
  readonly onCommit: (record: CommitRecord) => void;
}

export class SimulatedCluster {
  readonly network: Network;
  readonly compute: Compute;
  readonly store: FaultyObjectStore;
  readonly #clock: SimulatedClock;
  readonly #random: SeededRandom;
  readonly #history: History;
  readonly #metastores: ServiceNode[];
  readonly #pagestores: ServiceNode[];

  constructor(parts: SimulatedClusterParts) {
    const { clock, random, history } = parts;
    this.#clock = clock;
    this.#random = random;
    this.#history = history;
    this.compute = createSimulatedCompute(clock, random.fork());
    this.network = new Network({ clock, random: random.fork(), history });
    const bucket = new WitnessedStore(this.compute, {
      onCommit: parts.onCommit,
      onCheckpoint: () => history.reach("checkpoint"),
    });
    this.store = new FaultyObjectStore(bucket, [{ fault: LATENCY }], random.fork(), clock);
    this.#metastores = Array.from({ length: METASTORE_COUNT }, () => this.#startMetastore());
    this.#pagestores = Array.from({ length: PAGESTORE_COUNT }, () => this.#startPagestore());
  }

  /** Kills a MetaStore, and starts another one with empty caches. */
  replaceMetastore(): void {
    this.#history.reach("metastore killed");
    const at = this.#random.integer(0, METASTORE_COUNT - 1);
    this.#metastores[at]?.lifeline.cut();
    this.#metastores[at] = this.#startMetastore();
  }

  /** Kills a PageStore, and starts another one with empty caches. */
  replacePagestore(): void {
    this.#history.reach("pagestore killed");
    const at = this.#random.integer(0, PAGESTORE_COUNT - 1);
    this.#pagestores[at]?.lifeline.cut();
    this.#pagestores[at] = this.#startPagestore();
  }

  /** The object store errs, throttles, loses answers, and lands writes late. */
  storm(probability: number): void {
    const writes = { operations: ["create", "put"], probability } as const;
    this.store.setRules(
      { fault: LATENCY },
      { fault: { kind: "latency", minMs: 50, maxMs: 2_000 }, probability: probability / 4 },
      { fault: { kind: "unavailable" }, probability },
      { fault: { kind: "throttled", retryAfterMs: 300 }, probability: probability / 2 },
      { fault: { kind: "reply-lost" }, ...writes },
      { fault: { kind: "lands-late", delayMs: this.#random.integer(1, 5_000) }, ...writes },
    );
  }

  calm(): void {
    this.store.setRules({ fault: LATENCY });
  }

  /** The services as a client sees them: whichever run at the moment of each call. */
  openRemote(name: string, lifeline: Lifeline): Remote {
    const remotes = new WeakMap<ServiceNode, Remote>();
    return followRemote(() => {
      const pagestore = this.#random.pick(this.#pagestores);
      const known = remotes.get(pagestore);
      if (known !== undefined) return known;
      const way = this.network.between(name, lifeline, pagestore.lifeline);
      const remote = createConnectRemote({
        name: "cluster",
        clients: {
          metastore: this.#metastoreFor(name, lifeline),
          pagestore: createPagestoreClient(pagestore.connect(way)),
        },
        compute: this.compute,
        close: async () => undefined,
      });
      remotes.set(pagestore, remote);
      return remote;
    });
  }

  #metastoreFor(name: string, lifeline: Lifeline): MetastoreClient {
    const clients = new WeakMap<ServiceNode, MetastoreClient>();
    return followMetastore(() => {
      const node = this.#random.pick(this.#metastores);
      const known = clients.get(node);
      if (known !== undefined) return known;
      const way = this.network.between(name, lifeline, node.lifeline);
      const client = createMetastoreClient(node.connect(way));
      clients.set(node, client);
      return client;
    });
  }

  #startMetastore(): ServiceNode {
    return ServiceNode.metastore(this.#partsOfNode());
  }

  #startPagestore(): ServiceNode {
    return ServiceNode.pagestore(this.#partsOfNode(), (lifeline) =>
      this.#metastoreFor("pagestore", lifeline),
    );
  }

  #partsOfNode(): Parameters<typeof ServiceNode.metastore>[0] {
    return {
      store: this.store,
      clock: this.#clock,
      compute: this.compute,
      random: this.#random.fork(),
      skewMs: this.#random.integer(-SKEW_MS_MAX, SKEW_MS_MAX),
    };
  }
}
