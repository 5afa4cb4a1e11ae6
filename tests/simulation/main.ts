/** `pnpm simulate --seed N --steps M`: see `--help`. */
import { parseArgs } from "node:util";
import { FAULT_NAMES, type FaultName } from "./faults.ts";
import { Census } from "./runs/census.ts";
import { carryOutAll } from "./runs/fleet.ts";
import { carryOut, commandOf, lastLineOf, type Outcome } from "./runs/outcome.ts";
import { shrink } from "./runs/shrink.ts";
import { type SimulationOptions, WORKLOADS, type WorkloadName } from "./simulate.ts";

const HELP = `simulate: a whole cluster on simulated time, from a seed

  --seed N       first seed (default 1)
  --seeds N      how many seeds, one after the other (default 1)
  --minutes N    go on with fresh seeds for so long
  --jobs N       so many seeds at once, each in a process (default 1, in this one)
  --steps M      steps for each seed (default 500)
  --workload W   ${Object.keys(WORKLOADS).join(" | ")} (default registers)
  --without A,B  faults that do not happen: ${FAULT_NAMES.join(" ")}
  --mute A,B     processes that do nothing
  --trace        print the last lines of the history also when all held
  --no-shrink    do not look for a smaller run that fails too

The last line of a seed is its history's hash; equal arguments give equal lines.
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    minutes: { type: "string" },
    jobs: { type: "string", default: "1" },
    steps: { type: "string", default: "500" },
    workload: { type: "string", default: "registers" },
    without: { type: "string" },
    mute: { type: "string" },
    trace: { type: "boolean", default: false },
    "no-shrink": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

process.exitCode = values.help ? usage() : await main();

function usage(): number {
  console.log(HELP);
  return 0;
}

async function main(): Promise<number> {
  const { workload } = values;
  const without = (values.without?.split(",") ?? []) as FaultName[];
  const strange = without.filter((name) => !FAULT_NAMES.includes(name));
  if (!(workload in WORKLOADS) || strange.length > 0) {
    console.error(`unknown ${strange.length > 0 ? strange : workload}\n\n${HELP}`);
    return 2;
  }
  const census = new Census();
  const failed: Outcome[] = [];
  const onOutcome = (outcome: Outcome): void => {
    census.add(outcome);
    if (outcome.failure !== undefined) failed.push(outcome);
    if (outcome.failure === undefined && values.trace) console.log(outcome.trace.join("\n"));
    if (outcome.failure === undefined) console.log(lastLineOf(outcome));
  };
  const runs = draw(workload as WorkloadName, without, () => failed.length > 0);
  const jobs = Number(values.jobs);
  if (jobs > 1) await carryOutAll(runs, { jobs, onOutcome });
  else for (const run of runs) onOutcome(await carryOut(run));
  if (census.runCount > 1) {
    for (const line of census.lines) console.error(line);
  }
  for (const outcome of failed) await tell(outcome);
  return failed.length > 0 ? 1 : 0;
}

/** The runs that were asked for, until one has failed. */
function* draw(
  workload: WorkloadName,
  without: readonly FaultName[],
  hasFailed: () => boolean,
): Generator<SimulationOptions> {
  const first = Number(values.seed);
  const endMs = performance.now() + Number(values.minutes ?? 0) * 60_000;
  const count = values.minutes === undefined ? Number(values.seeds) : Number.POSITIVE_INFINITY;
  for (let seed = first; seed < first + count; seed++) {
    if (hasFailed() || (values.minutes !== undefined && performance.now() > endMs)) return;
    const mute = values.mute?.split(",") ?? [];
    yield { seed, steps: Number(values.steps), workload, without, mute };
  }
}

/** What broke, how to repeat it, and the smallest run found that breaks too. */
async function tell(outcome: Outcome): Promise<void> {
  const smallest = values["no-shrink"] ? outcome : await shrink(outcome);
  console.log(smallest.trace.join("\n"));
  console.log(`step ${outcome.step}: ${outcome.failure}`);
  if (smallest !== outcome) {
    console.log(`shrunk to step ${smallest.step}: ${smallest.failure?.split("\n")[0]}`);
  }
  console.log(`repeat: ${commandOf(outcome.run)}\nshrunk: ${commandOf(smallest.run)}`);
  console.log(lastLineOf(outcome));
}
