import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { EngineInstance } from "./engine-instance.ts";
import type { MemoryDisk } from "./memory-vfs.ts";
import { MemoryVfs } from "./memory-vfs.ts";
import { loadNodeEngine } from "./node/load-engine.ts";
import { createDisk, firstValue, ITEMS_SQL, openMemory, STRATEGIES } from "./testing/fixture.ts";
import type { Vfs, VfsFile, VfsOpenRequest } from "./vfs.ts";

/** Writes over the heap of SQLite when told to, as a stray pointer would. */
class VandalVfs implements Vfs {
  readonly name = "vandal";
  isArmed = false;
  readonly #inner: MemoryVfs;

  constructor(disk: MemoryDisk) {
    this.#inner = new MemoryVfs(disk);
  }

  open(request: VfsOpenRequest): VfsFile {
    const file = this.#inner.open(request);
    const read = file.read.bind(file);
    file.read = (target, offset) => {
      // All of the heap, the stack and SQLite's static data included.
      if (this.isArmed) new Uint8Array(target.buffer).fill(0xff);
      return read(target, offset);
    };
    return file;
  }

  delete(name: string): void {
    this.#inner.delete(name);
  }

  exists(name: string): boolean {
    return this.#inner.exists(name);
  }
}

describe.each(STRATEGIES)("after a crash of SQLite, waiting by %s", (strategy) => {
  async function openVandal(disk: MemoryDisk): Promise<{ db: EngineInstance; vfs: VandalVfs }> {
    const vfs = new VandalVfs(disk);
    const db = await EngineInstance.open(await loadNodeEngine(), {
      vfs,
      filename: "test.db",
      clock: new SimulatedClock(),
      random: new SeededRandom(1),
      missStrategy: strategy,
    });
    return { db, vfs };
  }

  test("the instance refuses every call, its locks are gone, its work is not committed", async () => {
    const disk = await createDisk(ITEMS_SQL);
    const { db, vfs } = await openVandal(disk);
    const left = await db.prepare("select 1");
    await db.exec("pragma cache_size = 1; begin; update item set amount = -1 where id = 1");
    vfs.isArmed = true;
    const waiting = Promise.allSettled([
      firstValue(db, "select count(*) from item"),
      firstValue(db, "select 2"),
      db.exec("commit"),
    ]);
    for (const outcome of await waiting) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "internal" } });
    }
    expect(db.isBroken).toBe(true);
    expect(db.inTransaction).toBe(false);
    await expect(left.get()).rejects.toThrow("SQLite crashed");
    await expect(db.prepare("select 1")).rejects.toThrow("open another connection");
    expect(() => db.changes).toThrow("SQLite crashed");
    await left.finalize();
    await db.close();

    const other = await openMemory(strategy, disk);
    await other.exec("begin exclusive; commit");
    expect(await firstValue(other, "select amount from item where id = 1")).toBe(1);
    expect(await firstValue(other, "pragma integrity_check")).toBe("ok");
  });

  test("the crash of one instance is no concern of another", async () => {
    const disk = await createDisk(ITEMS_SQL);
    const { db, vfs } = await openVandal(disk);
    const other = await openMemory(strategy, disk);
    vfs.isArmed = true;
    await expect(db.exec("select * from item")).rejects.toThrow("SQLite crashed");
    expect(await firstValue(other, "select count(*) from item")).toBe(3000);
  });
});
