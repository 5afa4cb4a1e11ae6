import { describe, expect, it } from "vitest";
import { simulate, type WorkloadName } from "./simulate.ts";

/** GRAFT_SEEDS makes it a longer run: so many seeds for each workload. */
const SEED_COUNTS: Readonly<Record<WorkloadName, number>> = {
  bank: Number(process.env.GRAFT_SEEDS ?? 80),
  registers: Number(process.env.GRAFT_SEEDS ?? 200),
};
const STEP_COUNT = 500;
/** Enough for more than one checkpoint: they come every 64 pushes. */
const LONG_STEP_COUNT = 5000;
/** Seeds for one test, so that a slow machine does not time out. */
const BATCH_SIZE = 40;

/** What every run of CI must have met at least once. */
const RARE_PATHS: readonly string[] = [
  "answer lost",
  "checkpoint",
  "client killed",
  "diverged",
  "metastore killed",
  "outcome unknown",
  "pagestore killed",
  "power lost",
  "request arrived twice",
  "request lost",
  "reset",
];

const reached = new Set<string>();
const names = Object.keys(SEED_COUNTS) as WorkloadName[];
const batches = names.flatMap((workload) =>
  Array.from({ length: Math.ceil(SEED_COUNTS[workload] / BATCH_SIZE) }, (_, at) => {
    const first = at * BATCH_SIZE + 1;
    return { workload, first, last: Math.min(first + BATCH_SIZE - 1, SEED_COUNTS[workload]) };
  }),
);

async function run(
  workload: WorkloadName,
  seed: number,
  steps: number = STEP_COUNT,
): Promise<string> {
  const result = await simulate({ seed, steps, workload });
  for (const path of result.reached.keys()) reached.add(path);
  if (result.error === undefined) return result.digest;
  const repeat = `pnpm simulate --workload ${workload} --seed ${seed} --steps ${steps}`;
  throw new Error([...result.trace, `step ${result.step} of: ${repeat}`].join("\n"), {
    cause: result.error,
  });
}

describe("clients, services, disks and network on simulated time", () => {
  it.each(names)("have the same history for the same seed: %s", async (workload) => {
    const digest = await run(workload, 1);
    expect(await run(workload, 1)).toBe(digest);
    expect(await run(workload, 2)).not.toBe(digest);
  });

  it.each(batches)(
    "lose nothing, apply nothing twice and converge: $workload, seeds $first … $last",
    async ({ workload, first, last }) => {
      for (let seed = first; seed <= last; seed++) await run(workload, seed);
    },
  );

  it.each([9001, 9002, 9003])("do so across checkpoints (seed %i)", async (seed) => {
    await run("registers", seed, LONG_STEP_COUNT);
  });

  it("have met every rare path", () => {
    expect(RARE_PATHS.filter((path) => !reached.has(path))).toEqual([]);
  });
});
