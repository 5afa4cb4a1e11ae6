/** What may break. Everything but deaths stays broken until the world is calm again. */
import type { Workload } from "./workloads/workload.ts";
import { BUCKET } from "./world/network.ts";
import type { World } from "./world/world.ts";

/** A wall clock is wrong by this much at most, ms: minutes, a day, ten years. */
const SKEWS_MS_MAX: readonly number[] = [300_000, 300_000, 86_400_000, 315_360_000_000];

export type FaultName =
  | "crash"
  | "metastore"
  | "pagestore"
  | "storm"
  | "spoil"
  | "hang"
  | "awkward"
  | "network"
  | "partition"
  | "clock"
  | "hints"
  | "missing"
  | "disk";

export const FAULTS: Readonly<Record<FaultName, (world: World, workload: Workload) => void>> = {
  crash: (_world, workload) => workload.crash(),
  metastore: ({ cluster }) => cluster.replaceMetastore(),
  pagestore: ({ cluster }) => cluster.replacePagestore(),
  storm: ({ cluster, random }) => cluster.store.storm(random.pick([0.02, 0.1, 0.3])),
  spoil: ({ cluster, random }) => cluster.store.spoil(random.pick([0.02, 0.1])),
  hang: ({ cluster }) => cluster.store.hang(0.02),
  awkward: ({ cluster, random }) => cluster.store.beAwkward(random.pick([0.2, 0.7])),
  network,
  partition,
  clock,
  hints: ({ cluster }) => cluster.hints.trouble(),
  disk: ({ random, machines }) => random.pick(machines).breakDisk(),
  missing: ({ cluster }) => cluster.store.bucket.lose(),
};

export const FAULT_NAMES: readonly FaultName[] = Object.keys(FAULTS) as FaultName[];

function network({ cluster, random }: World): void {
  cluster.network.weather = {
    delayMsMax: random.pick([1, 20, 300]),
    requestLossChance: random.pick([0, 0.1, 0.4]),
    answerLossChance: random.pick([0, 0.2, 0.7]),
    duplicationChance: random.pick([0, 0.1]),
  };
}

/** One node reaches nobody, or not one other; or hears nothing and is heard. */
function partition(world: World): void {
  const { random, history, cluster } = world;
  const nodes = [...world.nodeNames, BUCKET];
  const one = random.pick(nodes);
  const others = random.chance(0.5) ? nodes : [random.pick(nodes)];
  const isOneWay = random.chance(0.3);
  history.note(`  ${one} is cut off from ${others.length > 1 ? "all" : others[0]}`);
  for (const other of others) {
    if (other === one) continue;
    cluster.network.cut(other, one);
    if (!isOneWay) cluster.network.cut(one, other);
  }
}

/** A wall clock is set, forwards or backwards. */
function clock({ random, skews }: World): void {
  const skewMsMax = random.pick(SKEWS_MS_MAX);
  random.pick(skews).ms = random.integer(-skewMsMax, skewMsMax);
}
