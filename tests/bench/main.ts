/**
 * `pnpm bench [name …] [--json] [--rtt MS] [--posts N] [--queries Q1,Q2] [--quick]`: runs the named
 * measurements; without a name says what there is, and runs all. With `--json` the last line of
 * stdout is one JSON object. `pnpm bench peers` compares with others; it fetches them, and has
 * flags of its own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, type BenchRow, isWithinBudget } from "./bench.ts";
import { BENCHES } from "./benches.ts";
import { runScorecard } from "./peers/run-scorecard.ts";

const [first, ...rest] = process.argv.slice(2);
process.exitCode = first === "peers" ? await runScorecard(rest) : await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const options = parse(argv);
  if (options === undefined) return 2;
  if (options.benches.length === BENCHES.length) process.stderr.write(listBenches());
  const results: Record<string, unknown> = {};
  for (const bench of options.benches) {
    process.stderr.write(`\n${bench.name}: ${bench.what}\n`);
    const rows = await runIn(bench, options);
    for (const row of rows) process.stderr.write(`  ${describe(row)}\n`);
    results[bench.name] = rows.map(({ facts, ...row }) => {
      return { ...facts, ...row, withinBudget: isWithinBudget(row) };
    });
  }
  if (options.isJson) {
    process.stdout.write(`${JSON.stringify({ node: process.version, benches: results })}\n`);
  }
  return 0;
}

function listBenches(): string {
  const width = Math.max(...BENCHES.map(({ name }) => name.length));
  const lines = BENCHES.map(({ name, what }) => `  ${name.padEnd(width)}  ${what}\n`);
  return `all benches, one after the other; name some to run those alone:\n${lines.join("")}`;
}

interface Options {
  readonly benches: readonly Bench[];
  readonly isJson: boolean;
  readonly rttMs: number;
  readonly posts: number | undefined;
  readonly queries: readonly string[] | undefined;
  readonly isQuick: boolean;
}

function parse(argv: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      rtt: { type: "string", default: "0" },
      posts: { type: "string" },
      queries: { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.find((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown !== undefined) {
    const names = BENCHES.map((bench) => bench.name).join(" ");
    process.stderr.write(`bench: no bench "${unknown}": expected some of ${names}\n`);
    return undefined;
  }
  const rttMs = Number(values.rtt);
  if (!Number.isFinite(rttMs) || rttMs < 0 || rttMs > 10_000) {
    process.stderr.write(`bench: --rtt ${values.rtt}: expected 0 … 10000 ms\n`);
    return undefined;
  }
  const posts = values.posts === undefined ? undefined : Number(values.posts);
  if (posts !== undefined && !(Number.isInteger(posts / 10) && posts >= 2000 && posts <= 1e7)) {
    process.stderr.write(`bench: --posts ${values.posts}: expected 2000 … 10000000, in tens\n`);
    return undefined;
  }
  const isNamed = (bench: Bench): boolean =>
    positionals.length === 0 || positionals.includes(bench.name);
  return {
    benches: BENCHES.filter(isNamed),
    isJson: values.json,
    rttMs,
    posts,
    queries: values.queries?.split(","),
    isQuick: values.quick,
  };
}

async function runIn(bench: Bench, options: Options): Promise<readonly BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), `graft-bench-${bench.name}-`));
  try {
    return await bench.run({
      directory,
      rttMs: options.rttMs,
      isQuick: options.isQuick,
      posts: options.posts,
      queries: options.queries,
      note: (text) => process.stderr.write(`  … ${text}\n`),
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function describe(row: BenchRow): string {
  const value =
    row.value >= 100 ? Math.round(row.value).toLocaleString("en-US") : row.value.toFixed(3);
  const facts = Object.entries(row.facts ?? {}).flatMap(([key, fact]) =>
    typeof fact === "number" && key !== row.unit ? [`${key} ${Math.round(fact)}`] : [],
  );
  const figure = `${row.name.padEnd(58)} ${value.padStart(12)} ${row.unit.padEnd(9)} ${facts.join("  ")}`;
  const ratio = row.ratio === undefined ? "" : ` ${row.ratio.toFixed(2)}× ${row.baseline ?? ""}`;
  const verdict = isWithinBudget(row);
  if (verdict === undefined) return figure + ratio;
  const { max, min } = row.budget ?? {};
  const bound = max === undefined ? `≥ ${min}` : `≤ ${max}`;
  return `${figure}${ratio}  (budget ${bound}: ${verdict ? "kept" : "MISSED"})`;
}
