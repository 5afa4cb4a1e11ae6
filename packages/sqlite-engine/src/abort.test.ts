import type { Clock } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { EngineInstance } from "./engine-instance.ts";
import { MemoryVfs } from "./memory-vfs.ts";
import { loadNodeEngine } from "./node/load-engine.ts";
import {
  copyDisk,
  createDisk,
  firstValue,
  ITEMS_SQL,
  openDelayed,
  STRATEGIES,
} from "./testing/fixture.ts";
import { canSuspend } from "./web-assembly.ts";

const items = await createDisk(ITEMS_SQL);
const SCAN = "select sum(length(note)) from item";

describe.each(STRATEGIES)("aborting, waiting by %s", (strategy) => {
  test("an abort during a fetch rejects with its reason; the connection stays usable", async () => {
    const { db, vfs, clock } = await openDelayed({ strategy, disk: copyDisk(items) });
    const scan = await db.prepare(SCAN);
    vfs.forgetAll();
    const abort = new AbortController();
    const scanned = scan.with({ signal: abort.signal }).all();
    void clock.sleep(15).then(() => abort.abort());
    await expect(scanned).rejects.toMatchObject({ name: "AbortError" });
    expect(vfs.fetchesInFlight).toBe(0);
    expect(await scan.pluck().get()).toBe(600_000);
  });

  test("a fetch that takes no notice of the signal does not hold the caller", async () => {
    const { db, vfs, clock } = await openDelayed({ strategy, disk: copyDisk(items) });
    const scan = await db.prepare(SCAN);
    vfs.forgetAll();
    vfs.delay = () => clock.sleep(1_000_000);
    const abort = new AbortController();
    const scanned = scan.with({ signal: abort.signal }).get();
    void clock.sleep(10).then(() => abort.abort());
    await expect(scanned).rejects.toMatchObject({ name: "AbortError" });
    expect(clock.monotonicMs()).toBeLessThan(1_000_000);
    vfs.delay = () => clock.sleep(1);
    expect(await scan.pluck().get()).toBe(600_000);
  });

  test("an aborted write leaves nothing behind", async () => {
    const { db, vfs, clock } = await openDelayed({ strategy, disk: copyDisk(items) });
    vfs.forgetAll();
    const abort = new AbortController();
    const updated = db.exec("update item set amount = -1", { signal: abort.signal });
    void clock.sleep(100).then(() => abort.abort(new Error("enough")));
    await expect(updated).rejects.toThrow("enough");
    expect(db.inTransaction).toBe(false);
    expect(await firstValue(db, "select count(*) from item where amount = -1")).toBe(0);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("a commit that has begun is finished, aborted or not", async () => {
    const { db, clock } = await openDelayed({ strategy, commitsWait: true, latencyMsMax: 0 });
    await db.exec("create table t (x)");
    const abort = new AbortController();
    const inserted = db.exec("insert into t values (1)", { signal: abort.signal });
    abort.abort();
    await inserted;
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(0);
    expect(await firstValue(db, "select count(*) from t")).toBe(1);
  });

  test("a call that waits for its turn is taken out of the queue", async () => {
    const { db, vfs } = await openDelayed({ strategy, disk: copyDisk(items) });
    const scan = await db.prepare(SCAN);
    vfs.forgetAll();
    const first = scan.all();
    const abort = new AbortController();
    const second = db.exec("delete from item", { signal: abort.signal });
    const third = firstValue(db, "select count(*) from item");
    abort.abort();
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
    await first;
    expect(await third).toBe(3000);
  });

  test("a signal that is aborted already lets nothing run", async () => {
    const { db } = await openDelayed({ strategy });
    const signal = AbortSignal.abort();
    await expect(db.exec("create table t (x)", { signal })).rejects.toThrow();
    const select = await db.prepare("select 1");
    await expect(select.with({ signal }).get()).rejects.toMatchObject({ name: "AbortError" });
    expect(await firstValue(db, "select count(*) from sqlite_schema")).toBe(0);
  });
});

describe.runIf(canSuspend())("a long statement, suspended", () => {
  /** Time passes as fast as it is looked at. */
  function createHurriedClock(onSleep: () => void): Clock {
    let elapsedMs = 0;
    return {
      nowMs: () => elapsedMs,
      monotonicMs: () => (elapsedMs += 5),
      sleep: async () => onSleep(),
    };
  }

  async function openLocal(clock: Clock): Promise<EngineInstance> {
    const options = { vfs: new MemoryVfs(), filename: "a.db", clock, random: new SeededRandom(1) };
    return await EngineInstance.open(await loadNodeEngine(), options);
  }

  const ENDLESS =
    "with recursive n (i) as (select 1 union all select i + 1 from n) select max(i) from n";

  test("gives way to the event loop again and again, and can be aborted there", async () => {
    const abort = new AbortController();
    let turns = 0;
    const db = await openLocal(createHurriedClock(() => ++turns === 10 && abort.abort()));
    const endless = await db.prepare(ENDLESS);
    const running = endless.with({ signal: abort.signal }).get();
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
    expect(turns).toBe(10);
    expect(await firstValue(db, "select 7")).toBe(7);
  });

  test("answers right although it gave way in the middle", async () => {
    let turns = 0;
    const db = await openLocal(createHurriedClock(() => void turns++));
    expect(await firstValue(db, ENDLESS.replace("from n)", "from n limit 500000)"))).toBe(500_000);
    expect(turns).toBeGreaterThan(5);
  });
});
