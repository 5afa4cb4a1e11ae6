import {
  type Lsn,
  type Page,
  type PageCount,
  toLsn,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { changedPages, decodeCommitRecord, logKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { fromPullCommitsRequest, toPullCommitsAnswer } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

const FIRST = toLsn(1n);
function page(index: number, random?: SeededRandom): Page {
  const data = new Uint8Array(4096);
  random?.fill(data);
  return { index: toPageIndex(index), data };
}
async function fill(on: TestMetastore, count: number, random?: SeededRandom): Promise<void> {
  for (let at = 1; at <= count; at++) {
    const base = at === 1 ? undefined : toLsn(BigInt(at - 1));
    const pages = Array.from({ length: random === undefined ? 1 : 25 }, (_, more) =>
      page(at + more, random),
    );
    await on.metastore.commit(await inlineCommitOf(on, base, pages));
  }
}

function pullAll(on: TestMetastore, volumeId: VolumeId): Promise<unknown> {
  return on.metastore.pullCommits({ volumeId, range: { start: FIRST }, includeRecords: false });
}

describe("PullGraft", () => {
  test("answers the union of a range, on a warm and on a cold node", async () => {
    const on = createTestMetastore();
    await fill(on, 30);
    for (const node of [on, createTestMetastore({ store: on.store })]) {
      const range = { start: toLsn(11n), end: toLsn(20n) };
      const { snapshot, changes } = await node.metastore.pullGraft(on.volumeId, range);
      expect(snapshot.lsn).toBe(20n);
      expect(changes?.range).toEqual(range);
      expect([...(changes?.pageSet ?? [])]).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    }
  });

  test("answers the latest snapshot and no range when nothing is newer", async () => {
    const on = createTestMetastore();
    await fill(on, 3);
    const answer = await on.metastore.pullGraft(on.volumeId, { start: toLsn(4n) });
    expect(answer.snapshot.lsn).toBe(3n);
    expect(answer.changes).toBeUndefined();
  });

  test("includes what a shrink and a regrowth turned into zeros, as the fold of all does", async () => {
    const on = createTestMetastore();
    const random = new SeededRandom(5);
    let base: Lsn | undefined;
    for (let at = 0; at < 40; at++) {
      const pageCount = toPageCount(random.integer(1, 60));
      const low: PageCount = toPageCount(random.integer(0, pageCount));
      const pages = random.chance(0.5) ? [page(random.integer(1, pageCount))] : [];
      const change = { pageCount, lowPageCount: random.chance(0.3) ? low : pageCount };
      const { snapshot } = await on.metastore.commit(await inlineCommitOf(on, base, pages, change));
      base = snapshot.lsn;
    }
    const records = await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        const stored = await on.store.get(logKey(on.volumeId, toLsn(BigInt(at + 1))));
        const bytes = stored?.bytes ?? new Uint8Array(0);
        return decodeCommitRecord(bytes, on.compute, { objectName: "log" });
      }),
    );
    for (const start of [1, 7, 23, 40]) {
      const range = { start: toLsn(BigInt(start)) };
      const { changes } = await on.metastore.pullGraft(on.volumeId, range);
      const expected = changedPages(records.slice(start - 1));
      expect([...(changes?.pageSet ?? [])]).toEqual([...(expected?.pageSet ?? [])]);
    }
  });

  test("asked by many at once on a cold node reads the head record once, and not the log", async () => {
    const on = createTestMetastore();
    await fill(on, 20);
    await on[Symbol.asyncDispose]();
    const clock = new SimulatedClock({ mode: "auto" });
    const slow = { fault: { kind: "latency" as const, minMs: 5, maxMs: 50 } };
    const faulty = new FaultyObjectStore(on.store, [slow], new SeededRandom(3), clock);
    const metered = new MeteredObjectStore(faulty, clock);
    const cold = createTestMetastore({ store: metered, clock });
    await Promise.all(
      Array.from({ length: 30 }, () => cold.metastore.pullGraft(on.volumeId, { start: FIRST })),
    );
    // The hint, the record at it, and the lookup above the head.
    expect(metered.meter.requestCount).toBe(3);
  });
});

describe("PullCommits", () => {
  test("of a gap in the log is corrupt and names what is missing", async () => {
    const on = createTestMetastore();
    await fill(on, 5);
    await on.store.delete(logKey(on.volumeId, toLsn(3n)));
    const cold = createTestMetastore({ store: on.store });
    await expect(pullAll(cold, on.volumeId)).rejects.toMatchObject({
      code: "corrupt",
      details: { object: logKey(on.volumeId, toLsn(3n)) },
    });
  });

  test("of a record that does not continue the one before it is corrupt", async () => {
    const on = createTestMetastore();
    await fill(on, 3);
    const other = createTestMetastore({ random: new SeededRandom(1), clock: on.clock });
    await fill({ ...other, volumeId: on.volumeId, random: new SeededRandom(9) }, 3);
    const foreign = await other.store.get(logKey(on.volumeId, toLsn(2n)));
    await on.store.put(logKey(on.volumeId, toLsn(2n)), foreign?.bytes ?? []);
    const cold = createTestMetastore({ store: on.store });
    const pull = pullAll(cold, on.volumeId);
    await expect(pull).rejects.toMatchObject({ code: "corrupt" });
  });

  test("pages by bytes and loses nothing, with the stored bytes when asked for", async () => {
    const on = createTestMetastore();
    await fill(on, 60, new SeededRandom(2));
    const lsns: bigint[] = [];
    let answers = 0;
    let start = FIRST;
    for (;;) {
      const answer = await on.metastore.pullCommits({
        volumeId: on.volumeId,
        range: { start },
        includeRecords: true,
      });
      answers++;
      let size = 0;
      for (const { snapshot, record } of answer.commits) {
        const stored = await on.store.get(logKey(on.volumeId, snapshot.lsn));
        expect(record).toEqual(stored?.bytes);
        size += record?.length ?? 0;
        lsns.push(snapshot.lsn);
      }
      expect(size).toBeLessThanOrEqual(4 * 1024 * 1024);
      if (!answer.hasMore) break;
      start = toLsn((lsns.at(-1) ?? 0n) + 1n);
    }
    expect(lsns).toEqual(Array.from({ length: 60 }, (_, at) => BigInt(at + 1)));
    expect(answers).toBe(2);
  });

  test("without records is one answer, and small", async () => {
    const on = createTestMetastore();
    await fill(on, 60, new SeededRandom(2));
    const request = { volumeId: on.volumeId, range: { start: FIRST }, includeRecords: false };
    const answer = toPullCommitsAnswer(
      await on.client.pullCommits(fromPullCommitsRequest(request)),
    );
    expect(answer.hasMore).toBe(false);
    expect(answer.commits).toHaveLength(60);
    expect(answer.commits[0]?.inlinePageSet?.cardinality).toBe(25);
  });

  test("of what was just committed asks the object store for nothing", async () => {
    const metered = new MeteredObjectStore(new MemoryObjectStore(), new SimulatedClock());
    const on = createTestMetastore({ store: metered, clock: new SimulatedClock() });
    await fill(on, 3);
    const before = metered.meter.requestCount;
    await on.metastore.pullCommits({
      volumeId: on.volumeId,
      range: { start: FIRST },
      includeRecords: true,
    });
    expect(metered.meter.requestCount).toBe(before);
  });
});
