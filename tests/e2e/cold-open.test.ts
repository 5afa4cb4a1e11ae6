import type { Volume } from "@graft/client";
import { isGraftError, type Lsn, toLsn, type VolumeId } from "@graft/core";
import { nodeCompute, systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import {
  decodeCommitRecord,
  encodeCommitRecord,
  encodeHeadHint,
  headKey,
  logKey,
  volumePrefix,
} from "@graft/format";
import { MemoryObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { openDatabase } from "@graft/sqlite/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

/** Budgets of an open with no cache anywhere. */
const OPEN_CLIENT_REQUESTS = 2;
const OPEN_STORE_REQUESTS = 8;
const QUERY_STORE_REQUESTS = 12;

function urlOf(cluster: Cluster): string {
  if (cluster.url === undefined) throw new Error("the cluster listens on no port");
  return cluster.url;
}

describe("a database opened with no cache anywhere", () => {
  it.each([10, 2000])(
    "costs the same after %i commits, to open and to answer its first point query",
    async (count) => {
      await using cluster = await Cluster.start({ network: "tcp", random: new SeededRandom(1) });
      const url = urlOf(cluster);
      await using writer = await openDatabase({ url, tag: "t" });
      await writer.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
      await writer.transaction(async (tx) => {
        const insert = tx.prepare("INSERT INTO t VALUES(?, ?)");
        for (let id = 1; id <= 2000; id++) await insert.run(id, `row ${id} `.padEnd(100, "x"));
      });
      await writer.push();
      const update = writer.prepare("UPDATE t SET body = ? WHERE id = ?");
      for (let at = 2; at <= count; at++) {
        await update.run(`commit ${at}`, ((at * 37) % 2000) + 1);
        await writer.push();
      }
      const volume = writer.volume.volumeId;
      await cluster.restartServices();

      const { meter } = cluster.store;
      const before = meter.requestCount;
      await using reader = await openDatabase({ url: urlOf(cluster), volume });
      expect(reader.traffic()?.requests).toBeLessThanOrEqual(OPEN_CLIENT_REQUESTS);
      expect(meter.requestCount - before).toBeLessThanOrEqual(OPEN_STORE_REQUESTS);
      const row = await reader
        .prepare("SELECT body FROM t WHERE id = ?")
        .get(((count * 37) % 2000) + 1);
      expect(row).toEqual({ body: `commit ${count}` });
      expect(meter.requestCount - before).toBeLessThanOrEqual(QUERY_STORE_REQUESTS);
      expect((await reader.prepare("SELECT count(*) AS n FROM t").get())?.n).toBe(2000);
    },
    120_000,
  );
});

/** A volume of tagged pages: commit n writes page (n mod 50) + 1 with tag n. */
async function history(cluster: Cluster, count: number): Promise<VolumeId> {
  const volume = await (await cluster.openClient()).createVolume();
  for (let at = 1; at <= count; at++) {
    commitPages(volume, { [(at % 50) + 1]: at }, 51);
    await volume.push();
  }
  return volume.volumeId;
}

function tagsAfter(count: number): readonly number[] {
  const tags: number[] = new Array(51).fill(0);
  for (let at = 1; at <= count; at++) tags[at % 50] = at;
  return tags;
}

async function openCost(cluster: Cluster, volumeId: VolumeId, count: number): Promise<number> {
  await cluster.restartServices();
  const before = cluster.store.meter.requestCount;
  const volume = await (await cluster.openClient()).openVolume(volumeId);
  expect(volume.status().remote.lsn).toBe(BigInt(count));
  return cluster.store.meter.requestCount - before;
}

describe("the head of a volume", () => {
  it("is found at 2·⌈log2(d + 1)⌉ requests more when the hint is stale by d, or missing", async () => {
    const count = 300;
    await using cluster = await Cluster.start({ random: new SeededRandom(2) });
    const volumeId = await history(cluster, count);
    await cluster.stopServices();
    await cluster.startServices();
    const key = headKey(volumeId);
    const hintAt = (lsn: number): Promise<void> =>
      cluster.store.put(key, encodeHeadHint(toLsn(BigInt(lsn))));
    const excess = (stale: number): number => 2 * Math.ceil(Math.log2(stale + 1));
    await hintAt(count);
    const exact = await openCost(cluster, volumeId, count);
    expect(exact).toBeLessThanOrEqual(OPEN_STORE_REQUESTS);
    for (const stale of [1, 2, 3, 4, 7, 8, 15, 63, 64, 100, 255, 299]) {
      await hintAt(count - stale);
      const cost = await openCost(cluster, volumeId, count);
      expect([stale, cost <= exact + excess(stale)]).toEqual([stale, true]);
    }
    await cluster.store.delete(key);
    expect(await openCost(cluster, volumeId, count)).toBeLessThanOrEqual(exact + excess(count));
    await cluster.store.put(key, new Uint8Array(3));
    expect(await openCost(cluster, volumeId, count)).toBeLessThanOrEqual(exact + excess(count));
    await hintAt(count + 1000);
    expect(await openCost(cluster, volumeId, count)).toBeLessThanOrEqual(
      exact + excess(count + 1000) + excess(count),
    );
  });
});

describe("a long history", () => {
  it("is pulled at the price of what changed by a node that knows nothing", async () => {
    const count = 400;
    await using cluster = await Cluster.start({ random: new SeededRandom(3) });
    const writer = await (await cluster.openClient()).createVolume();
    commitPages(writer, { 1: 1 }, 51);
    await writer.push();
    const reader = await (await cluster.openClient()).openVolume(writer.volumeId);
    for (let at = 2; at <= count; at++) {
      commitPages(writer, { [(at % 7) + 1]: at }, 51);
      await writer.push();
    }
    await cluster.restartServices();
    const before = cluster.store.meter.requestCount;
    expect(await reader.pull()).toMatchObject({ lsn: BigInt(count), changedPageCount: 7 });
    expect(cluster.store.meter.requestCount - before).toBeLessThanOrEqual(6);
  });

  it("with a newest record that has no tail index is read, pulled and continued", async () => {
    const count = 90;
    await using cluster = await Cluster.start({ random: new SeededRandom(4) });
    const volumeId = await history(cluster, count);
    await cluster.stopServices();
    await strip(cluster, volumeId, toLsn(BigInt(count)));
    await cluster.startServices();
    const volume = await (await cluster.openClient()).openVolume(volumeId);
    expect(await readTags(volume)).toEqual(tagsAfter(count));
    commitPages(volume, { 1: 1000 }, 51);
    await volume.push();
    await cluster.restartServices();
    const reader = await (await cluster.openClient()).openVolume(volumeId);
    expect(await readTags(reader)).toEqual([1000, ...tagsAfter(count).slice(1)]);
  });

  it.each([5, 6, 7])("is whole when its checkpoints fail at random (seed %i)", async (seed) => {
    const count = 300;
    const random = new SeededRandom(seed);
    const inner = new MemoryObjectStore();
    const store = new FaultyObjectStore(inner, [], random, systemClock);
    await using cluster = await Cluster.start({ store, random });
    const writer = await (await cluster.openClient()).createVolume();
    const prefix = `${volumePrefix(writer.volumeId)}checkpoints/`;
    const where = { prefix, operations: ["put", "create"] as const };
    store.setRules(
      { ...where, fault: { kind: "unavailable" }, probability: 0.4 },
      { ...where, fault: { kind: "reply-lost" }, probability: 0.4 },
    );
    for (let at = 1; at <= count; at++) {
      commitPages(writer, { [(at % 50) + 1]: at }, 51);
      await pushThroughWeather(writer);
      // The background gets its turns, and is cut off in the middle of some.
      if (at % 10 === 0) await systemClock.sleep(5);
      if (random.chance(0.02)) await cluster.restartServices();
    }
    expect(store.strikeCount).toBeGreaterThan(0);
    await cluster.restartServices();
    const reader = await (await cluster.openClient()).openVolume(writer.volumeId);
    expect(await readTags(reader)).toEqual(tagsAfter(count));
    const roots = (await Array.fromAsync(inner.list(prefix))).filter(({ key }) =>
      /^[0-9a-f]{16}$/.test(key.slice(prefix.length)),
    );
    expect(roots.length).toBeGreaterThan(0);
  });
});

/** A checkpoint that is overdue and fails refuses the commit: then it is sent again. */
async function pushThroughWeather(volume: Volume): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await volume.push();
      return;
    } catch (error) {
      if (!isGraftError(error, "unavailable") || attempt === 20) throw error;
    }
  }
}

/** Takes the tail index out of the newest record: legal, and what another writer may do. */
async function strip(cluster: Cluster, volumeId: VolumeId, lsn: Lsn): Promise<void> {
  const objectName = logKey(volumeId, lsn);
  const stored = await cluster.store.get(objectName);
  const record = decodeCommitRecord(stored?.bytes ?? new Uint8Array(0), nodeCompute, {
    objectName,
  });
  const { tailIndex, ...bare } = record;
  expect(tailIndex).toBeDefined();
  await cluster.store.put(objectName, encodeCommitRecord(bare, nodeCompute));
}
