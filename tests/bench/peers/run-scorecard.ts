/** `pnpm bench peers`: runs everything, prints the tables and writes them. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { LimitMeter } from "../cold-limit.ts";
import { createDataset, DATASET_DEFAULT, type DatasetQuery, datasetQueries } from "../dataset.ts";
import { median } from "../measure.ts";
import { ALL_PEERS } from "./all-peers.ts";
import { drawChart } from "./chart.ts";
import { measureCold } from "./cold-queries.ts";
import { parseScorecardOptions, type ScorecardOptions, USAGE } from "./options.ts";
import type { Peer, StartedPeer, World } from "./peer.ts";
import type { Scorecard, ScorecardPeer, ScorecardQuery } from "./scorecard.ts";
import { openWorld } from "./scratch-world.ts";
import { writeScorecard } from "./table.ts";
import { withoutPaths } from "./without-paths.ts";
import { measureWorks } from "./works.ts";

/** For one answer, ms. */
const PATIENCE_MS = 120_000;
const PATIENCE_QUICK_MS = 20_000;

/** @returns the exit code */
export async function runScorecard(argv: readonly string[]): Promise<number> {
  const options = parseScorecardOptions(argv);
  if (options === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const directory = mkdtempSync(join(tmpdir(), "graft-peers-"));
  try {
    const command = ["npx -y pnpm@12 bench peers", ...argv].join(" ");
    const card = await takeScorecard(options, { directory, command });
    const markdown = writeScorecard(card);
    process.stdout.write(options.isJson ? `${JSON.stringify(card)}\n` : markdown);
    if (options.out !== undefined) writeAll(options.out, card, markdown);
    return 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function takeScorecard(
  options: ScorecardOptions,
  { directory, command }: { readonly directory: string; readonly command: string },
): Promise<Scorecard> {
  const loadBefore = currentLoad();
  const { posts } = options;
  const dataset = { ...DATASET_DEFAULT, posts, users: posts / 10, likes: (posts * 3) / 10 };
  await using world = await openWorld(directory, dataset, note);
  createDataset(world.file, dataset);
  chmodSync(world.file, 0o444);
  const bytes = statSync(world.file).size;
  note(`a database of ${(bytes / 1e6).toFixed(0)} MB`);
  const queries = datasetQueries(dataset, options.samples * 2).filter(({ name }) =>
    isNamed(options.queries, name),
  );
  const described = await describeQueries(world, queries);
  const wanted = ALL_PEERS.filter(({ name }) => isNamed(options.peers, name));
  await using stack = new AsyncDisposableStack();
  const { started, listed } = await startAll(wanted, world, stack);
  const cold = await measureCold({
    peers: started,
    queries,
    rtts: options.rtts,
    samples: options.samples,
    msMax: options.isQuick ? PATIENCE_QUICK_MS : PATIENCE_MS,
    directory,
    file: world.file,
    note,
  });
  const readers = new Set(wanted.filter((one) => one.isOnlyReader).map(({ name }) => name));
  const works = options.isColdOnly
    ? []
    : await measureWorks({
        peers: new Map([...started].filter(([name]) => !readers.has(name))),
        rtts: options.isQuick ? options.rtts : options.rtts.filter((rtt) => rtt <= 20),
        directory,
        isQuick: options.isQuick,
        note,
      });
  return {
    takenAt: new Date().toISOString(),
    commit: currentCommit(),
    command,
    machine: describeMachine(loadBefore),
    dataset: { ...dataset, bytes, pages: bytes / dataset.pageSize },
    rtts: options.rtts,
    queries: described,
    peers: listed,
    cold,
    works,
  };
}

function isNamed(names: readonly string[] | undefined, name: string): boolean {
  const lower = name.toLowerCase();
  return names === undefined || names.some((one) => lower.startsWith(one.toLowerCase()));
}

async function describeQueries(
  { file, dataset }: World,
  queries: readonly DatasetQuery[],
): Promise<readonly ScorecardQuery[]> {
  const meter = new LimitMeter(file, dataset.pageSize);
  const described: ScorecardQuery[] = [];
  for (const { name, what, sql, parameters } of queries) {
    const each: { readonly pages: number; readonly bytes: number }[] = [];
    for (const values of parameters) each.push(await meter.measure(sql, values));
    const limitPages = median(each.map(({ pages }) => pages));
    const limitBytes = median(each.map(({ bytes }) => bytes));
    described.push({ name, what, sql, limitPages, limitBytes });
  }
  return described;
}

/** Who cannot be had or started is a row that says why. */
async function startAll(
  peers: readonly Peer[],
  world: World,
  stack: AsyncDisposableStack,
): Promise<{
  readonly started: ReadonlyMap<string, StartedPeer>;
  readonly listed: readonly ScorecardPeer[];
}> {
  const started = new Map<string, StartedPeer>();
  const listed: ScorecardPeer[] = [];
  for (const peer of peers) {
    const { name, packages, way, unfair } = peer;
    const entry = { name, packages, way, unfair };
    note(`${name}: starting`);
    try {
      const directory = join(world.directory, name.replaceAll(/\W+/g, "-"));
      mkdirSync(directory);
      started.set(name, stack.use(await peer.start({ ...world, directory })));
      listed.push(entry);
    } catch (error) {
      const absence = withoutPaths(error instanceof Error ? error.message : String(error));
      note(`${name}: ${absence}`);
      listed.push({ ...entry, absence: absence.split("\n")[0] ?? "" });
    }
  }
  return { started, listed };
}

function writeAll(folder: string, card: Scorecard, markdown: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "scorecard.md"), markdown);
  writeFileSync(join(folder, "scorecard.json"), `${JSON.stringify(card, undefined, 1)}\n`);
  writeFileSync(join(folder, "scorecard.svg"), drawChart(card));
}

function describeMachine(loadBefore: number): Scorecard["machine"] {
  return {
    processors: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? "unknown",
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    load: [loadBefore, currentLoad()],
  };
}

/** Of the last minute. */
function currentLoad(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}

function currentCommit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

function note(text: string): void {
  process.stderr.write(`  … ${text}\n`);
}
