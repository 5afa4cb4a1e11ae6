import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { Census } from "./runs/census.ts";
import { carryOutAll } from "./runs/fleet.ts";
import { commandOf, type Outcome } from "./runs/outcome.ts";
import { shrink } from "./runs/shrink.ts";
import type { SimulationOptions, WorkloadName } from "./simulate.ts";

/** GRAFT_SEEDS makes it a longer or a shorter run: so many seeds for each workload. */
const SEED_COUNTS: Readonly<Record<WorkloadName, number>> = {
  bank: Number(process.env.GRAFT_SEEDS ?? 150),
  kv: Number(process.env.GRAFT_SEEDS ?? 30),
  registers: Number(process.env.GRAFT_SEEDS ?? 1670),
  sql: Number(process.env.GRAFT_SEEDS ?? 150),
};
const STEP_COUNT = 500;
/** Enough for more than one checkpoint: they come every 64 pushes. */
const LONG_STEP_COUNT = 5000;
/** Seeds for one test: at most 4 minutes of processor time, so that no slow machine times out. */
const BATCH_SIZE = 50;

/** What every run of CI must have met at least once. */
const RARE_PATHS: readonly string[] = [
  "answer lost",
  "checkpoint",
  "bookmark waited for",
  "client killed",
  "create sent twice",
  "cut off",
  "disk call failed",
  "disk full",
  "diverged",
  "arrived by itself",
  "hint heard",
  "hint lost",
  "idempotent replay",
  "integrity checked",
  "late-landing PUT",
  "leader takeover",
  "metastore killed",
  "missing object",
  "outcome unknown",
  "pagestore killed",
  "power lost",
  "request arrived twice",
  "request lost",
  "reset",
  "restarted with its catalog",
  "stale head hint",
  "stream broken",
  "transaction discarded",
  "transaction merged",
  "transaction pushed",
  "transaction rebased",
  "transaction rejected",
  "watch: news",
  "watch: resync",
];

const census = new Census();
const names = Object.keys(SEED_COUNTS) as WorkloadName[];
const batches = names.flatMap((workload) =>
  Array.from({ length: Math.ceil(SEED_COUNTS[workload] / BATCH_SIZE) }, (_, at) => {
    const first = at * BATCH_SIZE + 1;
    return { workload, first, last: Math.min(first + BATCH_SIZE - 1, SEED_COUNTS[workload]) };
  }),
);

/** Seeds that failed once, and what mended them. */
const regressions = JSON.parse(
  readFileSync(new URL("regressions.json", import.meta.url), "utf8"),
) as readonly (SimulationOptions & { readonly was: string })[];

/** Carries out the runs; a failure tells how to repeat it, and a smaller one that fails too. */
async function mustHold(runs: Iterable<SimulationOptions>): Promise<void> {
  const failed: Outcome[] = [];
  await carryOutAll(runs, {
    onOutcome: (outcome) => {
      census.add(outcome);
      if (outcome.failure !== undefined) failed.push(outcome);
    },
  });
  const [first] = failed;
  if (first === undefined) return;
  const { trace, failure, run } = await shrink(first);
  const seeds = failed.map((outcome) => commandOf(outcome.run));
  throw new Error([...trace, failure, "failed:", ...seeds, "shrunk:", commandOf(run)].join("\n"));
}

describe("clients, services, disks and network on simulated time", () => {
  it.each(names)("have the same history for the same seed: %s", async (workload) => {
    const run = { workload, seed: 1, steps: STEP_COUNT };
    const digests: string[] = [];
    // Also when another process does it, which did something else before.
    await carryOutAll([run, { ...run, seed: 2 }, run], {
      onOutcome: (outcome) => digests.push(`${outcome.run.seed} ${outcome.digest}`),
    });
    expect(digests).toHaveLength(3);
    expect(new Set(digests).size).toBe(2);
    expect(new Set(digests.map((each) => each.split(" ")[1])).size).toBe(2);
  });

  it("do so for every seed that failed once", async () => {
    await mustHold(regressions);
  });

  it.each(batches)(
    "lose nothing, apply nothing twice and converge: $workload, seeds $first … $last",
    async ({ workload, first, last }) => {
      const seeds = Array.from({ length: last - first + 1 }, (_, at) => first + at);
      await mustHold(seeds.map((seed) => ({ workload, seed, steps: STEP_COUNT })));
    },
  );

  it("do so across checkpoints", async () => {
    const seeds = [9001, 9002, 9003, 9004];
    await mustHold(seeds.map((seed) => ({ workload: "registers", seed, steps: LONG_STEP_COUNT })));
  });

  it("have met every rare path", () => {
    expect(RARE_PATHS.filter((path) => !census.reached.has(path))).toEqual([]);
  });
});

afterAll(() => {
  process.stderr.write(`${census.lines.join("\n")}\n`);
});
