/**
 * `pnpm fuzz [TARGET …] [--minutes N]` looks for inputs that break a target, guided by coverage.
 * `pnpm fuzz TARGET FILE` runs one input, a finding say, and shows the whole error.
 */
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { BlockCoverage } from "./block-coverage.ts";
import { exploreTarget } from "./explore-target.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { FUZZ_TARGETS, mustTarget } from "./fuzz-targets.ts";
import { runInput } from "./run-input.ts";

const MINUTES_DEFAULT = "10";

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { minutes: { type: "string", default: MINUTES_DEFAULT } },
    allowPositionals: true,
  });
  const [name, file] = positionals;
  if (name !== undefined && file !== undefined && existsSync(file)) {
    const isAccepted = await runInput(mustTarget(name), new Uint8Array(readFileSync(file)));
    console.log(`${name}: ${isAccepted ? "accepted" : "refused, as it must be"}`);
    return 0;
  }
  const targets = positionals.length === 0 ? FUZZ_TARGETS : positionals.map(mustTarget);
  const ms = (Number(values.minutes) * 60_000) / targets.length;
  return explore(targets, ms);
}

async function explore(targets: readonly FuzzTarget[], ms: number): Promise<number> {
  using coverage = new BlockCoverage();
  let findingCount = 0;
  for (const target of targets) {
    const { inputs, kept, findings } = await exploreTarget(target, ms, coverage);
    const rate = Math.round((inputs * 1000) / ms);
    const counts = `${inputs} inputs (${rate}/s), ${kept} reached new code`;
    console.log(`${target.name.padEnd(18)} ${counts}, ${coverage.blockCount} blocks in all`);
    for (const finding of findings) console.log(`  FOUND ${finding}`);
    findingCount += findings.length;
  }
  console.log(`${findingCount} findings`);
  return findingCount === 0 ? 0 : 1;
}

process.exitCode = await main();
