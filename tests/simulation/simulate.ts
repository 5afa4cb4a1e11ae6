/**
 * One seed, one history: clients, services, disks, network and bucket in one process, on simulated
 * time. Each step begins something, lets time pass, or breaks something; claims are checked as they
 * can be: at every commit, every read, and when all have come to rest.
 */
import { FAULT_NAMES, FAULTS, type FaultName } from "./faults.ts";
import { Registers } from "./workloads/registers.ts";
import { SqlWorkload } from "./workloads/sql-workload.ts";
import { bank } from "./workloads/trades/bank.ts";
import { kv } from "./workloads/trades/kv.ts";
import { sql } from "./workloads/trades/sql.ts";
import type { Workload } from "./workloads/workload.ts";
import { isOfTheDead } from "./world/lifeline.ts";
import { World } from "./world/world.ts";

/** Simulated time in which everything on its way must end once nothing is broken, ms. */
const REST_MS_MAX = 600_000;
/** Long pauses are 100 ms … so many times as much. */
const LONG_PAUSE_FACTOR = 50;
/** Of the steps that break or mend, how many mend. */
const CALM_CHANCE = 0.15;

export const WORKLOADS = {
  bank: (world: World): Workload => new SqlWorkload(world, bank),
  kv: (world: World): Workload => new SqlWorkload(world, kv),
  registers: (world: World): Workload => new Registers(world),
  sql: (world: World): Workload => new SqlWorkload(world, sql),
} as const;

export type WorkloadName = keyof typeof WORKLOADS;

/** What decides a history, byte for byte. */
export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  readonly workload: WorkloadName;
  /** Faults that do not happen, though their turn is drawn. */
  readonly without?: readonly FaultName[];
  /** Processes that do nothing, though their turn is drawn. */
  readonly mute?: readonly string[];
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
  /** The processes of the workload. */
  readonly processNames: readonly string[];
}

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const world = new World(options.seed);
  const workload = WORKLOADS[options.workload](world);
  // What no one awaits must not fail in silence.
  const onUnhandled = (reason: unknown): void => {
    if (!isOfTheDead(reason)) world.breaks(reason);
  };
  process.on("unhandledRejection", onUnhandled);
  let step = 0;
  let error: unknown;
  try {
    await inTime(world, workload.start());
    workload.crew.mute(options.mute ?? []);
    const without = new Set(options.without);
    for (; step < options.steps; step++) await takeStep(world, workload, without);
    await rest(world, workload);
  } catch (broken) {
    error = broken;
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
  const { history } = world;
  const { trace, reached } = history;
  const processNames = workload.crew.names;
  return { digest: history.digest(), error, step, trace, reached, processNames };
}

async function takeStep(
  world: World,
  workload: Workload,
  without: ReadonlySet<FaultName>,
): Promise<void> {
  const { random } = world;
  const chance = random.unit();
  if (chance < 0.5) workload.act();
  else if (chance < 0.93) return await world.pass(drawPause(world));
  else breakOrMend(world, workload, without);
  await world.settle();
}

/** Mostly until the next one wakes up, sometimes longer, of all orders of magnitude. */
function drawPause({ random, clock }: World): number {
  if (random.chance(0.7)) return clock.nextDueMs ?? 1;
  return random.chance(0.9) ? random.integer(1, 20) : 100 * LONG_PAUSE_FACTOR ** random.unit();
}

function breakOrMend(world: World, workload: Workload, without: ReadonlySet<FaultName>): void {
  const { random, history } = world;
  if (random.chance(CALM_CHANCE)) {
    history.note("calm");
    world.calm();
    return;
  }
  const name = random.pick(FAULT_NAMES);
  if (without.has(name)) return;
  history.note(`fault ${name}`);
  history.reach(`fault ${name}`);
  FAULTS[name](world, workload);
}

async function rest(world: World, workload: Workload): Promise<void> {
  world.calm();
  const { slots } = workload.crew;
  const endMs = world.clock.monotonicMs() + REST_MS_MAX;
  while (slots.busyCount > 0) {
    if (world.clock.monotonicMs() > endMs) {
      throw new Error(`${slots.busyNames.join(", ")} never ends`);
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
