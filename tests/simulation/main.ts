/** `pnpm simulate --seed N --steps M`: see `--help`. */
import { parseArgs } from "node:util";
import { simulate, WORKLOADS, type WorkloadName } from "./simulate.ts";

const HELP = `simulate: a whole cluster on simulated time, from a seed

  --seed N       first seed (default 1)
  --seeds N      how many seeds, one after the other (default 1)
  --minutes N    go on with fresh seeds for so long
  --steps M      steps for each seed (default 500)
  --workload W   ${Object.keys(WORKLOADS).join(" | ")} (default registers)
  --trace        print the last lines of the history also when all held
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    minutes: { type: "string" },
    steps: { type: "string", default: "500" },
    workload: { type: "string", default: "registers" },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

process.exitCode = values.help ? usage() : await run();

function usage(): number {
  console.log(HELP);
  return 0;
}

async function run(): Promise<number> {
  const { workload } = values;
  if (!(workload in WORKLOADS)) {
    console.error(`unknown workload "${workload}"\n\n${HELP}`);
    return 2;
  }
  const steps = Number(values.steps);
  const first = Number(values.seed);
  const endMs = performance.now() + Number(values.minutes ?? 0) * 60_000;
  const count = values.minutes === undefined ? Number(values.seeds) : Number.POSITIVE_INFINITY;
  const reached = new Map<string, number>();
  for (let seed = first; seed < first + count; seed++) {
    const result = await simulate({ seed, steps, workload: workload as WorkloadName });
    for (const [path, times] of result.reached) {
      reached.set(path, (reached.get(path) ?? 0) + times);
    }
    const isOk = result.error === undefined;
    if (!isOk || values.trace) console.log(result.trace.join("\n"));
    if (!isOk) console.log(`step ${result.step}:`, result.error);
    const verdict = isOk ? "ok" : "failed";
    console.log(`history sha256:${result.digest} seed:${seed} steps:${steps} ${verdict}`);
    if (!isOk) return 1;
    if (values.minutes !== undefined && performance.now() > endMs) break;
  }
  for (const [path, times] of [...reached].sort()) console.log(`${path}: ${times}`);
  return 0;
}
