/**
 * Every codec against noise, valid inputs and damaged ones, 148,000 in all. A failure prints the
 * seed and the input: `GRAFT_FUZZ_SEED=… vitest run tests/conformance/fuzz` repeats it, and
 * `pnpm fuzz TARGET FILE` runs one input.
 */
import { afterAll, describe, expect, test } from "vitest";
import { FUZZ_SEED } from "./fuzz-seed.ts";
import { FUZZ_TARGETS } from "./fuzz-targets.ts";
import { runTarget, type TargetTally } from "./run-target.ts";

const INPUT_COUNT_MIN = 100_000;
const CPU_SECONDS_MAX = 120;
const tallies = new Map<string, TargetTally & { readonly ms: number }>();
const cpuBefore = process.cpuUsage();

describe(`whatever bytes a decoder is given (seed ${FUZZ_SEED})`, () => {
  test.each(FUZZ_TARGETS)("$name refuses by name or reads what it writes", async (target) => {
    const startedMs = performance.now();
    const tally = await runTarget(target);
    tallies.set(target.name, { ...tally, ms: Math.round(performance.now() - startedMs) });
    // A target that refuses everything, or nothing, tests nothing.
    expect(tally.accepted).toBeGreaterThan(0);
    if (target.name !== "sql-text") expect(tally.accepted).toBeLessThan(tally.inputs);
  });

  test("more than 100,000 inputs are tried, in less than two minutes of one processor", () => {
    const inputs = [...tallies.values()].reduce((sum, tally) => sum + tally.inputs, 0);
    const cpu = process.cpuUsage(cpuBefore);
    expect(inputs).toBeGreaterThanOrEqual(INPUT_COUNT_MIN);
    expect((cpu.user + cpu.system) / 1_000_000).toBeLessThan(CPU_SECONDS_MAX);
  });
});

afterAll(() => {
  const inputs = [...tallies.values()].reduce((sum, tally) => sum + tally.inputs, 0);
  const cpu = process.cpuUsage(cpuBefore);
  const seconds = Math.round((cpu.user + cpu.system) / 1_000_000);
  const lines = [...tallies].map(
    ([name, { inputs: count, accepted, ms }]) =>
      `  ${name.padEnd(18)} ${String(count).padStart(6)} inputs ${String(accepted).padStart(6)} accepted ${String(ms).padStart(6)} ms`,
  );
  process.stderr.write(
    `fuzz: seed ${FUZZ_SEED}, ${inputs} inputs, ${seconds} s of processor\n${lines.join("\n")}\n`,
  );
});
