/**
 * One seed, one history: clients, services, disks, network and bucket in one process, on simulated
 * time. Each step begins something, lets time pass, or breaks something; claims are checked as they
 * can be: at every commit, every read, and when all have come to rest.
 */
import { Bank } from "./workloads/bank.ts";
import { Registers } from "./workloads/registers.ts";
import type { Workload } from "./workloads/workload.ts";
import { World } from "./world/world.ts";

/** Simulated time in which everything on its way must end once nothing is broken, ms. */
const REST_MS_MAX = 600_000;

export const WORKLOADS = {
  bank: (world: World): Workload => new Bank(world),
  registers: (world: World): Workload => new Registers(world),
} as const;

export type WorkloadName = keyof typeof WORKLOADS;

export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  readonly workload: WorkloadName;
}

export interface SimulationResult {
  /** SHA-256 of the history, as hex. */
  readonly digest: string;
  /** The broken claim; undefined when all held. */
  readonly error: unknown;
  /** The step at which it broke. */
  readonly step: number;
  /** The last lines of the history. */
  readonly trace: readonly string[];
  /** How often each rare path was taken. */
  readonly reached: ReadonlyMap<string, number>;
}

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const world = new World(options.seed);
  const workload = WORKLOADS[options.workload](world);
  let step = 0;
  let error: unknown;
  try {
    await inTime(world, workload.start());
    for (; step < options.steps; step++) await takeStep(world, workload);
    await rest(world, workload);
  } catch (broken) {
    error = broken;
  }
  const { history } = world;
  const { trace, reached } = history;
  return { digest: history.digest(), error, step, trace, reached };
}

async function takeStep(world: World, workload: Workload): Promise<void> {
  const { random } = world;
  const chance = random.unit();
  if (chance < 0.5) workload.act();
  else if (chance < 0.93) return await world.pass(drawPause(world));
  else breakOrMend(world, workload);
  await world.settle();
}

/** Mostly until the next one wakes up, sometimes longer. */
function drawPause({ random, clock }: World): number {
  if (random.chance(0.7)) return clock.nextDueMs ?? 1;
  return random.chance(0.9) ? random.integer(1, 20) : random.integer(100, 5_000);
}

function breakOrMend(world: World, workload: Workload): void {
  const { random, cluster, history } = world;
  const what = random.pick([
    "crash",
    "metastore",
    "pagestore",
    "storm",
    "network",
    "calm",
  ] as const);
  history.note(`fault ${what}`);
  if (what === "crash") workload.crash();
  else if (what === "metastore") cluster.replaceMetastore();
  else if (what === "pagestore") cluster.replacePagestore();
  else if (what === "storm") cluster.storm(random.pick([0.02, 0.1, 0.3]));
  else if (what === "network") {
    cluster.network.weather = {
      delayMsMax: random.pick([1, 20, 300]),
      requestLossChance: random.pick([0, 0.1, 0.4]),
      answerLossChance: random.pick([0, 0.2, 0.7]),
      duplicationChance: random.pick([0, 0.1]),
    };
  } else {
    cluster.calm();
    cluster.network.heal();
  }
}

async function rest(world: World, workload: Workload): Promise<void> {
  world.cluster.calm();
  world.cluster.network.heal();
  const endMs = world.clock.monotonicMs() + REST_MS_MAX;
  while (workload.slots.busyCount > 0) {
    if (world.clock.monotonicMs() > endMs) {
      throw new Error(`${workload.slots.busyNames.join(", ")} never ends`);
    }
    await world.pass(world.clock.nextDueMs ?? 1_000);
  }
  await inTime(world, workload.finish());
}

/** Lets time pass until the work is done. */
async function inTime(world: World, work: Promise<void>): Promise<void> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined);
  const endMs = world.clock.monotonicMs() + REST_MS_MAX;
  while (!isDone) {
    if (world.clock.monotonicMs() > endMs) throw new Error("the work never ends");
    await world.pass(world.clock.nextDueMs ?? 1);
  }
  await done;
}
