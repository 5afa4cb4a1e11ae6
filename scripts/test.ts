/**
 * `pnpm test`: typecheck, lint, boundaries, tidy, secrets, known holes of dependencies,
 * protos against the last release, unit and integration tests, simulation, torture, scale.
 * `--verify` adds: generated code unchanged, published exports sound. Names of stages run only
 * these.
 *
 * Every stage runs, also after one failed. The last line is `N passed, N failed, N skipped`: tests,
 * and one failed for each failed stage that is no test run.
 */
import { auditStage } from "./stages/audit-stage.ts";
import { addCounts, type Counts, NO_TESTS, programStage, type Stage } from "./stages/stage.ts";
import { vitestStage } from "./stages/vitest-stage.ts";

const STAGES: readonly Stage[] = [
  programStage("typecheck", "tsc", "-p", "tsconfig.check.json"),
  programStage("lint", "biome", "check", "--error-on-warnings", "."),
  programStage("boundaries", "node", "scripts/check-boundaries.ts"),
  programStage("tidy", "node", "scripts/tidy.ts"),
  programStage("secrets", "node", "scripts/check-secrets.ts"),
  auditStage(),
  programStage("breaking", "buf", "breaking", "--against", "proto/release.binpb"),
  vitestStage("unit"),
  vitestStage("integration", { looksTwice: true }),
  vitestStage("simulation"),
  vitestStage("torture", { looksTwice: true }),
  vitestStage("scale", { looksTwice: true }),
];

const VERIFY_STAGES: readonly Stage[] = [
  programStage("generated", "node", "scripts/check-generated.ts"),
  programStage("exports", "node", "scripts/check-exports.ts"),
];

const [flags, names] = partition(process.argv.slice(2), (word) => word.startsWith("--"));
const known = [...STAGES, ...VERIFY_STAGES];
const unknown = [
  ...flags.filter((flag) => flag !== "--verify"),
  ...names.filter((name) => !known.some((stage) => stage.name === name)),
];
if (unknown.length > 0) {
  const expected = known.map(({ name }) => name).join(", ");
  console.error(`unknown: ${unknown.join(" ")}; expected --verify, or stages: ${expected}`);
  process.exit(2);
}

const wanted = names.length > 0 ? known.filter(({ name }) => names.includes(name)) : STAGES;
const extra = names.length === 0 && flags.includes("--verify") ? VERIFY_STAGES : [];
process.exitCode = (await runAll([...wanted, ...extra])) ? 0 : 1;

async function runAll(stages: readonly Stage[]): Promise<boolean> {
  const lines: string[] = [];
  let counts: Counts = NO_TESTS;
  let isOk = true;
  for (const stage of stages) {
    console.log(`── ${stage.name}`);
    const startMs = performance.now();
    const result = await stage.run();
    if (result.report !== "") console.log(result.report.trimEnd());
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    lines.push(`${result.isOk ? "ok    " : "FAILED"} ${stage.name.padEnd(12)} ${seconds} s`);
    console.log(lines.at(-1));
    counts = addCounts(counts, result.counts);
    isOk &&= result.isOk;
  }
  console.log(`── seconds\n${lines.join("\n")}`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return isOk;
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): readonly [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
