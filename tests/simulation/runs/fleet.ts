/** Many runs at once, each in a process of its own: one for each core. */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SimulationOptions, WorkloadName } from "../simulate.ts";
import type { Outcome } from "./outcome.ts";

const WORKER_PATH = fileURLToPath(new URL("worker.ts", import.meta.url));
/**
 * A run makes much that dies young: a larger nursery spares a quarter of the time. Each connection
 * reserves 8 MiB for SQLite, and touches little of it: that is no reason to collect all garbage.
 */
const NODE_FLAGS = [
  "--conditions=@graft/source",
  "--max-semi-space-size=64",
  "--external-memory-accounted-in-global-limit",
  "--external-memory-max-growing-factor=8",
  "--initial-heap-size=500",
];
/** Compiled modules: a worker that finds them starts in half the time. */
const CACHE_PATH = join(tmpdir(), "graft-simulation-cache");
/**
 * A worker is replaced after so many runs, whatever it may have kept of them. Runs with SQL leave
 * instances of SQLite that are collected late: after some 65 runs, with terabytes of addresses
 * reserved, a run takes minutes.
 */
const RUNS_PER_WORKER: Readonly<Record<WorkloadName, number>> = {
  bank: 20,
  kv: 20,
  registers: 200,
  sql: 20,
};

export interface FleetOptions {
  /** Workers. Default: one for each core. */
  readonly jobs?: number;
  readonly onOutcome: (outcome: Outcome) => void;
}

/** Carries out all runs, in order, as they come from the iterator. */
export async function carryOutAll(
  runs: Iterable<SimulationOptions>,
  { jobs = availableParallelism(), onOutcome }: FleetOptions,
): Promise<void> {
  const rest = runs[Symbol.iterator]();
  const work = async (): Promise<void> => {
    while (await workFor(rest, onOutcome)) {
      // Another worker takes its place.
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

/** One worker's life. Answers whether there is more to do. */
async function workFor(
  rest: Iterator<SimulationOptions>,
  onOutcome: (outcome: Outcome) => void,
): Promise<boolean> {
  const first = rest.next();
  if (first.done === true) return false;
  const worker = fork(WORKER_PATH, {
    execArgv: NODE_FLAGS,
    env: { ...process.env, NODE_COMPILE_CACHE: CACHE_PATH },
    stdio: ["ignore", 1, 2, "ipc"],
  });
  try {
    let run = first.value;
    for (let count = 1; ; count++) {
      onOutcome(await askWorker(worker, run));
      if (count >= RUNS_PER_WORKER[run.workload]) return true;
      const next = rest.next();
      if (next.done === true) return false;
      run = next.value;
    }
  } finally {
    worker.kill();
  }
}

function askWorker(worker: ChildProcess, run: SimulationOptions): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const onExit = (code: number | null): void => {
    const place = `${run.workload}, seed ${run.seed}, ${run.steps} steps`;
    reject(new Error(`the worker ended with code ${code} during ${place}`));
  };
  worker.once("exit", onExit);
  worker.once("message", (outcome: Outcome) => {
    worker.off("exit", onExit);
    resolve(outcome);
  });
  worker.send(run);
  return promise;
}
