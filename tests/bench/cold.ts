/**
 * Queries on a fresh replica with an empty data directory, opening included: round trips, requests,
 * bytes and ms, with each rung of prefetching, beside what a fresh SQLite touches; and one of them
 * with services that have nothing cached either.
 */
import { join } from "node:path";
import { openDatabase } from "@graft/sqlite/node";
import type { Bench, BenchContext, BenchRow } from "./bench.ts";
import { type ColdLimit, LimitMeter } from "./cold-limit.ts";
import { createDataset, DATASET_DEFAULT, type DatasetQuery, datasetQueries } from "./dataset.ts";
import { DelayProxy } from "./delay-proxy.ts";
import { type Imported, runGraft, startServer } from "./graft-child.ts";
import { median } from "./measure.ts";

const SAMPLES = 5;

type OpenOptions = NonNullable<Parameters<typeof openDatabase>[0]>;

/** What is switched on. */
interface Rung {
  readonly name: string;
  readonly options: OpenOptions;
}

const RUNGS: readonly Rung[] = [
  { name: "off", options: { prefetch: false } },
  { name: "bundle", options: { prefetch: { readAheadBytes: 0, shareQueries: false } } },
  { name: "ahead", options: { prefetch: { openBytes: 0, shareQueries: false } } },
  { name: "query", options: { prefetch: { openBytes: 0, readAheadBytes: 0 } } },
  { name: "all", options: { prefetch: {} } },
];

interface Sample {
  readonly ms: number;
  readonly roundTrips: number;
  readonly requests: number;
  readonly bytesDown: number;
  readonly pages: number;
}

/** A volume on a server. */
interface Served {
  readonly url: string;
  readonly volume: string;
  readonly directory: string;
}

export const coldBench: Bench = {
  name: "cold",
  what: "open and first query on a fresh replica, each in an empty data directory",
  async run(context): Promise<readonly BenchRow[]> {
    const { directory, isQuick, note } = context;
    const posts = context.posts ?? (isQuick ? 20_000 : 200_000);
    const options = { ...DATASET_DEFAULT, posts, users: posts / 10, likes: (posts * 3) / 10 };
    const file = join(directory, "forum.db");
    createDataset(file, options);
    const isAsked = ({ name }: DatasetQuery): boolean => context.queries?.includes(name) ?? true;
    const queries = datasetQueries(options, SAMPLES).filter(isAsked);
    const limits = await measureLimits(file, queries);
    const rows: BenchRow[] = [];
    let volume = "";
    {
      await using server = await startServer(`file:${join(directory, "store")}`);
      const path = join(directory, "first");
      const words = ["import", file, "--url", server.url, "--path", path, "--tag", "t"];
      const imported = await runGraft<Imported>(...words);
      volume = imported.volume;
      const size = `${(imported.bytes / 1e6).toFixed(0)} MB, ${imported.pages} pages`;
      note(`database of ${size}, added round-trip time ${context.rttMs} ms`);
      const served = { url: server.url, volume, directory };
      for (const query of queries) {
        for (const rung of RUNGS) {
          rows.push(
            rowOf(query, rung, context, await sample(served, query, rung, context), limits),
          );
        }
      }
    }
    const [lookup] = queries;
    if (lookup !== undefined) rows.push(await runColder(directory, volume, lookup));
    return rows;
  },
};

async function measureLimits(
  file: string,
  queries: readonly DatasetQuery[],
): Promise<ReadonlyMap<DatasetQuery, ColdLimit>> {
  const meter = new LimitMeter(file, DATASET_DEFAULT.pageSize);
  const limits = new Map<DatasetQuery, ColdLimit>();
  for (const query of queries) {
    const each: ColdLimit[] = [];
    for (const values of query.parameters) each.push(await meter.measure(query.sql, values));
    const of = (pick: (limit: ColdLimit) => number): number => median(each.map(pick));
    limits.set(query, { pages: of(({ pages }) => pages), bytes: of(({ bytes }) => bytes) });
  }
  return limits;
}

async function sample(
  { url, volume, directory }: Served,
  { name, sql, parameters }: DatasetQuery,
  rung: Rung,
  { rttMs }: BenchContext,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const [at, values] of parameters.entries()) {
    await using proxy = await DelayProxy.start(url, rttMs);
    const fresh = join(directory, `replica-${name}-${rung.name}-${at}`);
    const options = { ...rung.options, url: proxy.url, path: fresh, volume };
    const { ms, pages } = await runCold(options, sql, values);
    const { roundTrips, requests, receivedBytes: bytesDown } = proxy;
    samples.push({ ms, pages, roundTrips, requests, bytesDown });
  }
  return samples;
}

/** The first query again, each time on services that were just started. */
async function runColder(
  directory: string,
  volume: string,
  { name, sql, parameters }: DatasetQuery,
): Promise<BenchRow> {
  const counts: number[] = [];
  for (const [at, values] of parameters.entries()) {
    await using server = await startServer(`file:${join(directory, "store")}`);
    const before = await server.objectStoreRequests();
    const fresh = join(directory, `colder-${at}`);
    await runCold({ url: server.url, volume, path: fresh }, sql, values);
    counts.push((await server.objectStoreRequests()) - before);
  }
  const what = `${name} on services just started: requests to the object store, at most`;
  return { name: what, value: Math.max(...counts), unit: "requests", budget: { max: 12 } };
}

async function runCold(
  options: OpenOptions,
  sql: string,
  parameters: readonly number[],
): Promise<{ readonly ms: number; readonly pages: number }> {
  const start = performance.now();
  await using db = await openDatabase({ ...options, sync: "manual" });
  await db.prepare(sql).all(...parameters);
  return { ms: performance.now() - start, pages: db.status().cached.pages };
}

function rowOf(
  query: DatasetQuery,
  rung: Rung,
  { rttMs }: BenchContext,
  samples: readonly Sample[],
  limits: ReadonlyMap<DatasetQuery, ColdLimit>,
): BenchRow {
  const of = (pick: (one: Sample) => number): number => median(samples.map(pick));
  const limit = limits.get(query) ?? { pages: Number.NaN, bytes: Number.NaN };
  const facts = {
    query: query.name,
    rung: rung.name,
    rtt: rttMs,
    ms: of(({ ms }) => ms),
    roundTrips: of(({ roundTrips }) => roundTrips),
    requests: of(({ requests }) => requests),
    bytesDown: of(({ bytesDown }) => bytesDown),
    limitBytes: limit.bytes,
    pages: of(({ pages }) => pages),
    limitPages: limit.pages,
  };
  const name = `${query.name} ${query.what}, prefetch ${rung.name}`;
  return { name, value: facts.ms, unit: "ms", facts };
}
