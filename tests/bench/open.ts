/**
 * A volume opened with no cache anywhere: services just started, an empty client. What it costs
 * must not grow with the history.
 */

import { toLsn } from "@graft/core";
import { encodeHeadHint, headKey } from "@graft/format";
import { openDatabase } from "@graft/sqlite/node";
import { Cluster } from "../harness/cluster.ts";
import type { Bench, BenchRow } from "./bench.ts";

const ROWS = 2000;
/** How far behind a hint is left, commits. */
const STALE = 100;

export const openBench: Bench = {
  name: "open",
  what: "requests of a cold open and its first point query, after few commits and after many",
  async run({ isQuick, note }): Promise<readonly BenchRow[]> {
    const rows: BenchRow[] = [];
    for (const count of isQuick ? [10, 500] : [10, 2000, 10_000]) {
      note(`${count} commits`);
      rows.push(...(await measure(count)));
    }
    return rows;
  },
};

async function measure(count: number): Promise<readonly BenchRow[]> {
  await using cluster = await Cluster.start({ network: "tcp" });
  const { volume, writes, checkpointBytes } = await fill(cluster, count);
  const exact = await openCold(cluster, volume.volumeId, count);
  const name = `after ${count.toLocaleString("en-US")} commits`;
  const key = headKey(volume.volumeId);
  await cluster.store.put(key, encodeHeadHint(toLsn(BigInt(Math.max(1, count - STALE)))));
  const stale = await openCold(cluster, volume.volumeId, count);
  await cluster.store.delete(key);
  const missing = await openCold(cluster, volume.volumeId, count);
  const requests = (what: string, value: number, max?: number): BenchRow => ({
    name: `${name}: ${what}`,
    value,
    unit: "requests",
    ...(max === undefined ? {} : { budget: { max } }),
  });
  const behind = Math.min(STALE, count - 1);
  return [
    requests("written for a commit, hints and checkpoints included", writes / count),
    {
      name: `${name}: written beside the log, roots not counted`,
      value: checkpointBytes / count,
      unit: "bytes/commit",
    },
    requests("open, by the client", exact.client, 2),
    requests("open, to the object store", exact.open, 8),
    requests("until the first point query has answered", exact.query, 12),
    { name: `${name}: open and query`, value: exact.ms, unit: "ms" },
    requests(`more with a hint ${behind} behind`, stale.open - exact.open, bound(behind)),
    requests("more without a hint", missing.open - exact.open, bound(count)),
  ];
}

function bound(behind: number): number {
  return 2 * Math.ceil(Math.log2(behind + 1));
}

async function fill(cluster: Cluster, count: number) {
  await using db = await openDatabase({ sync: "manual", url: cluster.url, tag: "t" });
  const { meter } = cluster.store;
  await db.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
  await db.transaction(async (tx) => {
    const insert = tx.prepare("INSERT INTO t VALUES(?, ?)");
    for (let id = 1; id <= ROWS; id++) await insert.run(id, `row ${id} `.padEnd(100, "x"));
  });
  await db.push();
  const update = db.prepare("UPDATE t SET body = ? WHERE id = ?");
  for (let at = 2; at <= count; at++) {
    await update.run(`commit ${at}`, rowOf(at));
    await db.push();
  }
  const { put, create } = meter.snapshot();
  const writes = put.requests + create.requests;
  const checkpointBytes = put.sentBytes;
  return { volume: db.volume, writes, checkpointBytes };
}

function rowOf(commit: number): number {
  return ((commit * 37) % ROWS) + 1;
}

async function openCold(
  cluster: Cluster,
  volume: string,
  count: number,
): Promise<{
  readonly client: number;
  readonly open: number;
  readonly query: number;
  readonly ms: number;
}> {
  await cluster.restartServices();
  const { meter } = cluster.store;
  const before = meter.requestCount;
  const start = performance.now();
  // A bundle would still be on its way when the opening is counted.
  const options = { sync: "manual", url: cluster.url, volume, prefetch: false } as const;
  await using db = await openDatabase(options);
  const client = db.traffic()?.requests ?? Number.NaN;
  const open = meter.requestCount - before;
  const row = await db.prepare("SELECT body FROM t WHERE id = ?").get(rowOf(count));
  const ms = performance.now() - start;
  if (row?.body !== `commit ${count}`) throw new Error(`the last commit reads as ${row?.body}`);
  return { client, open, query: meter.requestCount - before, ms };
}
