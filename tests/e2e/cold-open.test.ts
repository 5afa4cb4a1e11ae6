import { toLsn } from "@graft/core";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { encodeHeadHint, headKey } from "@graft/format";
import { openObjectStore, type RequestMeter } from "@graft/object-store";
import type { PrefetchOptions } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import {
  buildHistory,
  copyObjects,
  HISTORY_ROWS,
  type History,
  rowOfCommit,
} from "../harness/history.ts";

/** Budgets of an open with no cache anywhere, and of its first point query. */
const QUERY_STORE_REQUESTS = 12;
/** What it costs: the hint, the record it names, the one above it, which is not there. */
const OPEN_CLIENT_REQUESTS = 1;
const OPEN_STORE_REQUESTS = 3;
const COUNTS = [10, 2000, 10_000];
const S3_URL = process.env.GRAFT_TEST_S3_URL;

/** What a client that has nothing asks for, of services that have nothing. */
interface ColdOpen {
  readonly lsn: bigint;
  readonly client: number;
  /** Requests to the object store, as it counts them. */
  readonly open: number;
  readonly query: number;
}

let history: History;

beforeAll(async () => {
  history = await buildHistory(COUNTS);
  // 10,000 commits take 25 s, and several times as long beside other tests.
}, 600_000);

/** A cluster over a copy of the history, and what counts its requests to the store. */
interface Served extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly meter: RequestMeter;
}

async function serveFromMemory(count: number): Promise<Served> {
  const cluster = await Cluster.start({ network: "tcp", store: await history.copyAt(count) });
  return {
    cluster,
    meter: cluster.store.meter,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

/** Below a prefix of its own; requests are counted as they are sent. */
async function serveFromS3(count: number, base: string): Promise<Served> {
  const url = new URL(base);
  url.pathname = `${url.pathname}/cold-${Date.now()}-${process.pid}`.replace("//", "/");
  const means = { env: process.env, clock: systemClock, random: systemRandom };
  const { store, meter } = await openObjectStore(url.href, {
    ...means,
    fileSystem: nodeFileSystem,
  });
  await copyObjects(await history.copyAt(count), store);
  const cluster = await Cluster.start({ network: "tcp", store });
  const remove = async (): Promise<void> => {
    for await (const { key } of store.list("")) await store.delete(key);
    await cluster[Symbol.asyncDispose]();
  };
  return { cluster, meter, [Symbol.asyncDispose]: remove };
}

async function openCold(
  { cluster, meter }: Served,
  row: number,
  prefetch: PrefetchOptions | false = false,
): Promise<ColdOpen> {
  await cluster.restartServices();
  const { url } = cluster;
  if (url === undefined) throw new Error("the cluster listens on no port");
  const before = meter.requestCount;
  const options = { url, volume: history.volumeId, prefetch };
  await using reader = await openDatabase({ ...options, sync: "manual" });
  const client = reader.traffic()?.requests ?? Number.NaN;
  const open = meter.requestCount - before;
  const found = await reader.prepare("SELECT id FROM t WHERE id = ?").get(row);
  const query = meter.requestCount - before;
  expect(found).toEqual({ id: row });
  return { lsn: reader.status().remote.lsn ?? 0n, client, open, query };
}

async function hintAt({ cluster }: Served, lsn: number): Promise<void> {
  await cluster.store.put(headKey(history.volumeId), encodeHeadHint(toLsn(BigInt(lsn))));
}

/** What DESIGN allows beyond an exact hint. */
function allowance(stale: number): number {
  return 2 * Math.ceil(Math.log2(stale + 1));
}

describe("a database opened with no cache anywhere", () => {
  it.each(COUNTS)(
    "costs 1 client request and 3 object-store requests after %i commits",
    async (count) => {
      await using served = await serveFromMemory(count);
      await hintAt(served, count);
      const cost = await openCold(served, rowOfCommit(count));
      expect(cost).toMatchObject({
        lsn: BigInt(count),
        client: OPEN_CLIENT_REQUESTS,
        open: OPEN_STORE_REQUESTS,
      });
    },
  );

  it.each(COUNTS)(
    "answers its first point query within 12 requests after %i commits, whichever row",
    async (count) => {
      await using served = await serveFromMemory(count);
      await hintAt(served, count);
      const last = rowOfCommit(count);
      const before = rowOfCommit(count - 1);
      for (const row of [1, 2, 777, 1500, HISTORY_ROWS, last, before]) {
        const { query } = await openCold(served, row);
        expect([row, query <= QUERY_STORE_REQUESTS]).toEqual([row, true]);
      }
    },
  );

  it.each(COUNTS)(
    "keeps within 2 client requests, 8 of the object store and 12 in all with prefetch, after %i commits",
    async (count) => {
      await using served = await serveFromMemory(count);
      await hintAt(served, count);
      for (const row of [1, 777, HISTORY_ROWS, rowOfCommit(count)]) {
        const { lsn, client, open, query } = await openCold(served, row, {});
        expect([lsn, client]).toEqual([BigInt(count), 2]);
        expect(open).toBeLessThanOrEqual(8);
        expect(query).toBeLessThanOrEqual(QUERY_STORE_REQUESTS);
      }
    },
  );

  it("costs as much by the hint that services write once nobody commits", async () => {
    for (const count of COUNTS) {
      await using served = await serveFromMemory(count);
      const { lsn, open } = await openCold(served, 1);
      expect([lsn, open]).toEqual([BigInt(count), OPEN_STORE_REQUESTS]);
    }
  });
});

/** How far behind, and what it costs beyond an exact hint. */
const STALE: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 2],
  [2, 2],
  [3, 4],
  [4, 4],
  [7, 6],
  [8, 6],
  [100, 12],
  [1999, 20],
];

describe.each(["memory", "a real S3 server"])("the head of a volume, on %s", (where) => {
  const count = 2000;
  let served: Served;

  beforeAll(async () => {
    if (where === "memory") served = await serveFromMemory(count);
    else if (S3_URL !== undefined) served = await serveFromS3(count, S3_URL);
  }, 120_000);

  afterAll(() => served?.[Symbol.asyncDispose]());

  const run = where === "memory" || S3_URL !== undefined ? it : it.skip;

  run.each(STALE)("is found from a hint %i behind with %i requests more", async (stale, more) => {
    await hintAt(served, count - stale);
    const { lsn, client, open, query } = await openCold(served, rowOfCommit(count));
    expect([lsn, client]).toEqual([BigInt(count), OPEN_CLIENT_REQUESTS]);
    expect(open).toBe(OPEN_STORE_REQUESTS + more);
    expect(more).toBeLessThanOrEqual(allowance(stale));
    expect(query).toBeLessThanOrEqual(QUERY_STORE_REQUESTS + allowance(stale));
  });

  run("is found without a hint, as from one that is behind by the whole log", async () => {
    await served.cluster.store.delete(headKey(history.volumeId));
    const { lsn, open } = await openCold(served, 1);
    expect(lsn).toBe(BigInt(count));
    expect(open).toBe(OPEN_STORE_REQUESTS + 19);
    expect(19).toBeLessThanOrEqual(allowance(count));
  });

  run("is found from a hint that is damaged, as without one", async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(4096).fill(255)]) {
      await served.cluster.store.put(headKey(history.volumeId), bytes);
      const { lsn, open } = await openCold(served, 1);
      expect([lsn, open]).toEqual([BigInt(count), OPEN_STORE_REQUESTS + 19]);
    }
  });

  run.each([1, 3, 1000, 2 ** 40])(
    "is found from a hint %i ahead of the log, which cannot be",
    async (ahead) => {
      await hintAt(served, count + ahead);
      const { lsn, open } = await openCold(served, 1);
      expect(lsn).toBe(BigInt(count));
      expect(open).toBeLessThanOrEqual(OPEN_STORE_REQUESTS + allowance(count));
    },
  );
});
