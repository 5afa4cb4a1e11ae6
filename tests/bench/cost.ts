/**
 * What a bill lists: requests to the object store for commits and for page reads, as a server
 * counts them. Volumes, pages and pauses are chosen so that each row is the best or the worst case.
 */
import { join } from "node:path";
import { systemClock } from "@graft/core/node";
import { type ExposedSample, parseExposition } from "@graft/rpc/testing";
import { openDatabase } from "@graft/sqlite/node";
import type { Bench, BenchContext, BenchRow } from "./bench.ts";
import { startServer } from "./graft-child.ts";

const REQUESTS = "graft_object_store_requests_total";
const MILLION = 1_000_000;
/** Longer than a head hint waits for another commit, ms. */
const PAUSE_MS = 1100;
/** Rows of a page each, incompressible. */
const FILL = `create table t (id integer primary key, x blob);
  with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000)
  insert into t select i, randomblob(3000) from n`;

/** Requests by what they cost: writing ones, and reading ones. */
interface Counted {
  readonly writes: number;
  readonly reads: number;
}

export const costBench: Bench = {
  name: "cost",
  what: "requests to the object store a million commits and a million page reads, as counted",
  async run(context): Promise<readonly BenchRow[]> {
    const commitCount = context.isQuick ? 256 : 2048;
    const store = `file:${join(context.directory, "store")}`;
    let volume = "";
    const rows: BenchRow[] = [];
    {
      await using server = await startServer(store);
      await using db = await openDatabase({ url: server.url, sync: "manual" });
      await db.exec(FILL);
      await db.push();
      volume = db.volume.volumeId;
      const write = db.prepare("update t set x = randomblob(3000) where id = ?");
      const commit = async (count: number, pauseMs: number): Promise<void> => {
        for (let at = 1; at <= count; at++) {
          await write.run(at % 2000);
          await db.push();
          if (pauseMs > 0) await systemClock.sleep(pauseMs);
        }
      };
      const busy = await counted(server.url, () => commit(commitCount, 0));
      rows.push(...rowsOf("commits, one after another", busy, commitCount));
      const few = context.isQuick ? 8 : 66;
      const slow = await counted(server.url, () => commit(few, PAUSE_MS));
      rows.push(...rowsOf("commits, over a second apart", slow, few));
    }
    rows.push(...(await countReads(context, store, volume)));
    return rows;
  },
};

/** On a server that has just started, so that all it finds in memory it has read itself. */
async function countReads(
  context: BenchContext,
  store: string,
  volume: string,
): Promise<readonly BenchRow[]> {
  await using server = await startServer(store);
  const readCount = context.isQuick ? 200 : 1000;
  const read = async (): Promise<number> => {
    await using db = await openDatabase({ url: server.url, volume, sync: "manual" });
    const query = db.prepare("select length(x) from t where id = ?");
    for (let at = 0; at < readCount; at++) await query.get(1 + ((at * 7) % 2000));
    return db.status().cached.pages;
  };
  let pages = 0;
  const cold = await counted(server.url, async () => {
    pages = await read();
  });
  const warm = await counted(server.url, read);
  return [
    ...rowsOf("page reads, nothing cached", cold, pages),
    ...rowsOf("page reads, cached by the PageStore", warm, pages),
  ];
}

async function counted(url: string, work: () => Promise<unknown>): Promise<Counted> {
  const before = await look(url);
  await work();
  const after = await look(url);
  return { writes: after.writes - before.writes, reads: after.reads - before.reads };
}

async function look(url: string): Promise<Counted> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = parseExposition(text).get(REQUESTS)?.samples ?? [];
  const sum = (operations: readonly string[]): number =>
    samples.filter(isOneOf(operations)).reduce((total, { value }) => total + value, 0);
  return { writes: sum(["put", "create", "list"]), reads: sum(["get", "head"]) };
}

function isOneOf(operations: readonly string[]): (sample: ExposedSample) => boolean {
  return ({ labels }) => operations.includes(labels.operation ?? "");
}

function rowsOf(name: string, { writes, reads }: Counted, count: number): readonly BenchRow[] {
  return [
    { name: `a million ${name}: writing`, value: (writes / count) * MILLION, unit: "requests" },
    { name: `a million ${name}: reading`, value: (reads / count) * MILLION, unit: "requests" },
  ];
}
