import { systemClock } from "@graft/core/node";
import { describe, expect, test } from "vitest";
import type { Database } from "../database.ts";
import { FakeVolume } from "../testing/fake-volume.ts";
import { openTestDatabase } from "../testing/open-test-database.ts";
import { type InstanceSlot, InstanceSlots } from "./instance-slots.ts";

const NEVER = new AbortController().signal;
const MIB = 1024 * 1024;

/** Databases of their own volumes that share instances; each has a row with its number. */
async function openMany(count: number, instances: InstanceSlots): Promise<readonly Database[]> {
  const databases: Database[] = [];
  for (let at = 0; at < count; at++) {
    const { db } = openTestDatabase({ volume: new FakeVolume(), instances });
    await db.exec(`create table t(a); insert into t values (${at})`);
    databases.push(db);
  }
  return databases;
}

describe("the instances of many databases", () => {
  test("are never more than there may be, whoever runs statements in turn or at once", async () => {
    const instances = new InstanceSlots(4);
    const databases = await openMany(20, instances);
    expect(instances.count).toBeLessThanOrEqual(4);
    const queries = databases.map((db) => db.prepare("select a from t").pluck());
    let mostOpen = 0;
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        queries.map(async (query) => {
          const answer = await query.get();
          mostOpen = Math.max(mostOpen, instances.count);
          return answer;
        }),
      );
      expect(answers).toEqual(databases.map((_, at) => at));
    }
    // A prepared statement outlives the instance it was compiled in.
    for (const [at, query] of queries.entries()) expect(await query.get()).toBe(at);
    expect(mostOpen).toBeLessThanOrEqual(4);
    await Promise.all(databases.map((db) => db.close()));
    expect(instances.count).toBe(0);
  });

  test("are closed longest unused first, and keep who is read", async () => {
    const instances = new InstanceSlots(2);
    const [a, b, c] = await openMany(3, instances);
    if (a === undefined || b === undefined || c === undefined) throw new Error("three are open");
    await Promise.all([a, b, c].map((db) => db.releaseIdle()));
    for (const db of [a, b]) await db.prepare("select a from t").get();
    await a.prepare("select a from t").get();
    await c.prepare("select a from t").get();
    expect([a, b, c].map((db) => db.connectionCount)).toEqual([1, 0, 1]);
    await Promise.all([a, b, c].map((db) => db.close()));
  });

  test("stay with an open transaction and an open loop, and nobody waits for them for ever", async () => {
    const instances = new InstanceSlots(2);
    const databases = await openMany(6, instances);
    const [first, second, third, ...others] = databases;
    if (!first || !second || !third) throw new Error("six are open");
    const result: unknown[] = [];
    await first.transaction(async (tx) => {
      await tx.exec("update t set a = 100");
      for await (const row of second.prepare("select a from t").pluck().iterate()) {
        // Both instances are pinned by code that waits for a third.
        result.push(row, await third.prepare("select a from t").pluck().get());
      }
      result.push(await tx.prepare("select a from t").pluck().get());
    });
    expect(result).toEqual([1, 2, 100]);
    const answers = await Promise.all(
      others.map((db) => db.transaction((tx) => tx.prepare("select a from t").pluck().get())),
    );
    expect(answers).toEqual([3, 4, 5]);
    expect(await first.prepare("select a from t").pluck().get()).toBe(100);
    await Promise.all(databases.map((db) => db.releaseIdle()));
    expect(instances.count).toBe(0);
    await Promise.all(databases.map((db) => db.close()));
  });

  test("go on when every instance is in a transaction that waits for another database", async () => {
    const instances = new InstanceSlots(3);
    const databases = await openMany(9, instances);
    const sums = await Promise.all(
      databases.map((db, at) =>
        db.transaction(async (tx) => {
          const next = databases[(at + 1) % databases.length] ?? db;
          const mine = Number(await tx.prepare("select a from t").pluck().get());
          return mine + Number(await next.prepare("select a from t").pluck().get());
        }),
      ),
    );
    expect(sums).toEqual(databases.map((_, at) => at + ((at + 1) % databases.length)));
    await Promise.all(databases.map((db) => db.close()));
    expect(instances.count).toBe(0);
  });

  test("are waited for until the signal, or until the database is closed", async () => {
    const instances = new InstanceSlots(1);
    const slot = await instances.take(systemClock, NEVER);
    slot.holder = { tryClose: () => undefined, isRunning: true, callCount: 0 };
    const { db } = openTestDatabase({ instances });
    const query = db.prepare("select 1");
    const stopped = query.with({ signal: AbortSignal.timeout(20) }).get();
    await expect(stopped).rejects.toThrow(/timeout/i);
    const written = db.exec("create table t(a)", { signal: AbortSignal.timeout(20) });
    await expect(written).rejects.toThrow(/timeout/i);
    const waiting = query.get();
    const refused = expect(waiting).rejects.toThrow("this database is closed");
    await db.close();
    await refused;
    expect(instances.waitingCount).toBe(0);
    slot.giveBack();
    expect(instances.count).toBe(0);
  });
});

test("page caches share what the process has for them, and each has a little", async () => {
  const instances = new InstanceSlots();
  const slots: InstanceSlot[] = [];
  for (let at = 0; at < 32; at++) slots.push(await instances.take(systemClock, NEVER));
  const total = slots.reduce((sum, { cacheSize }) => sum + cacheSize, 0);
  expect(Math.floor((slots[0]?.cacheSize ?? 0) / MIB)).toBe(42);
  expect(Math.min(...slots.map(({ cacheSize }) => cacheSize))).toBe(2 * MIB);
  expect(total).toBeLessThanOrEqual((128 + 32 * 2) * MIB);
  for (const slot of slots) slot.giveBack();
  const alone = await instances.take(systemClock, NEVER);
  expect(alone.cacheSize).toBe(slots[0]?.cacheSize);
});
