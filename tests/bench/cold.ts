/**
 * Queries on a fresh replica with an empty data directory: requests, bytes and ms, opening
 * included; and one of them with services that have nothing cached either.
 */
import { join } from "node:path";
import { openDatabase } from "@graft/sqlite/node";
import type { Bench, BenchRow } from "./bench.ts";
import { createDataset, DATASET_DEFAULT, datasetQueries } from "./dataset.ts";
import { DelayProxy } from "./delay-proxy.ts";
import { type Imported, runGraft, startServer } from "./graft-child.ts";
import { median } from "./measure.ts";

const SAMPLES = 5;

interface Sample {
  readonly ms: number;
  readonly requests: number;
  readonly bytes: number;
  readonly pages: number;
}

export const coldBench: Bench = {
  name: "cold",
  what: "open and first query on a fresh replica, each in an empty data directory",
  async run({ directory, isQuick, rttMs, note }): Promise<readonly BenchRow[]> {
    const posts = isQuick ? 20_000 : 200_000;
    const options = { ...DATASET_DEFAULT, posts, users: posts / 10, likes: posts / 4 };
    const file = join(directory, "forum.db");
    createDataset(file, options);
    await using server = await startServer(`file:${join(directory, "store")}`);
    const path = join(directory, "first");
    const words = ["import", file, "--url", server.url, "--path", path, "--tag", "t"];
    const { volume, bytes } = await runGraft<Imported>(...words);
    note(`database of ${(bytes / 1e6).toFixed(0)} MB, added round-trip time ${rttMs} ms`);
    await using proxy = await DelayProxy.start(server.url, rttMs);
    const rows: BenchRow[] = [];
    for (const query of datasetQueries(options, SAMPLES)) {
      const samples: Sample[] = [];
      for (const [at, parameters] of query.parameters.entries()) {
        const fresh = join(directory, `replica-${query.name}-${at}`);
        samples.push(await runCold(proxy, volume, fresh, query.sql, parameters));
      }
      rows.push(...rowsOf(`${query.name} ${query.what}`, samples));
    }
    const [lookup] = datasetQueries(options, SAMPLES);
    if (lookup !== undefined) rows.push(await runColder(directory, volume, lookup));
    return rows;
  },
};

/** The first query again, each time on services that were just started. */
async function runColder(
  directory: string,
  volume: string,
  { name, sql, parameters }: ReturnType<typeof datasetQueries>[number],
): Promise<BenchRow> {
  const counts: number[] = [];
  for (const [at, values] of parameters.entries()) {
    await using server = await startServer(`file:${join(directory, "store")}`);
    const before = await server.objectStoreRequests();
    const fresh = join(directory, `colder-${at}`);
    await runCold({ url: server.url, bytes: 0 }, volume, fresh, sql, values);
    counts.push((await server.objectStoreRequests()) - before);
  }
  const what = `${name} on services just started: requests to the object store, at most`;
  return { name: what, value: Math.max(...counts), unit: "requests", budget: { max: 12 } };
}

async function runCold(
  proxy: Pick<DelayProxy, "url" | "bytes">,
  volume: string,
  path: string,
  sql: string,
  parameters: readonly number[],
): Promise<Sample> {
  const before = proxy.bytes;
  const start = performance.now();
  await using db = await openDatabase({ sync: "manual", url: proxy.url, path, volume });
  await db.prepare(sql).all(...parameters);
  const ms = performance.now() - start;
  return {
    ms,
    requests: db.traffic()?.requests ?? Number.NaN,
    bytes: proxy.bytes - before,
    pages: db.status().cached.pages,
  };
}

function rowsOf(name: string, samples: readonly Sample[]): readonly BenchRow[] {
  const of = (pick: (sample: Sample) => number): number => median(samples.map(pick));
  return [
    { name, value: of((sample) => sample.ms), unit: "ms" },
    { name: `${name}: requests`, value: of((sample) => sample.requests), unit: "requests" },
    { name: `${name}: pages`, value: of((sample) => sample.pages), unit: "pages" },
    { name: `${name}: on the wire, both ways`, value: of((sample) => sample.bytes), unit: "bytes" },
  ];
}
