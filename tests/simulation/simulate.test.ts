import { describe, expect, it } from "vitest";
import { simulate, type WorkloadName } from "./simulate.ts";

/** GRAFT_SEEDS makes it a longer run. */
const SEED_COUNT = Number(process.env.GRAFT_SEEDS ?? 240);
const STEP_COUNT = 500;
/** Seeds for one test, so that a slow machine does not time out. */
const BATCH_SIZE = 40;

/** What every run of CI must have met at least once. */
const RARE_PATHS: readonly string[] = [
  "answer lost",
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

async function run(workload: WorkloadName, seed: number): Promise<string> {
  const result = await simulate({ seed, steps: STEP_COUNT, workload });
  for (const path of result.reached.keys()) reached.add(path);
  if (result.error === undefined) return result.digest;
  const repeat = `pnpm simulate --workload ${workload} --seed ${seed} --steps ${STEP_COUNT}`;
  throw new Error([...result.trace, `step ${result.step} of: ${repeat}`].join("\n"), {
    cause: result.error,
  });
}

describe("clients, services, disks and network on simulated time", () => {
  it("have the same history for the same seed", async () => {
    expect(await run("registers", 1)).toBe(await run("registers", 1));
    expect(await run("registers", 2)).not.toBe(await run("registers", 1));
  });

  const batches = Array.from({ length: Math.ceil(SEED_COUNT / BATCH_SIZE) }, (_, at) => at);
  it.each(batches)(
    "lose nothing, apply nothing twice and converge: registers, batch %i",
    async (at) => {
      for (let seed = at * BATCH_SIZE + 1; seed <= (at + 1) * BATCH_SIZE; seed++) {
        await run("registers", seed);
      }
    },
  );

  it("have met every rare path", () => {
    expect(RARE_PATHS.filter((path) => !reached.has(path))).toEqual([]);
  });
});
