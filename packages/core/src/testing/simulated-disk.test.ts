import { describe, expect, test } from "vitest";
import { SECTOR_SIZE } from "./disk/file-node.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

const bytes = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value);

function write(disk: SimulatedDisk, path: string, content: Uint8Array, sync: boolean): void {
  const file = disk.open(path, "create");
  file.write(content, 0);
  if (sync) file.sync();
  file.close();
}

describe("a power loss", () => {
  test("spares what was synced, content and name", async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
      write(disk, "/a", bytes(5000, 7), true);
      disk.syncDirectory("/");
      disk.crash();
      expect(await disk.readWhole("/a")).toEqual(bytes(5000, 7));
    }
  });

  test("takes a file whose name was not synced, even when its content was", async () => {
    const disk = new SimulatedDisk();
    write(disk, "/a", bytes(10, 7), true);
    disk.crash(0);
    expect(await disk.readWhole("/a")).toBeUndefined();
  });

  test("takes content that was not synced, and leaves the name that was", async () => {
    const disk = new SimulatedDisk();
    write(disk, "/a", bytes(10, 7), false);
    disk.syncDirectory("/");
    disk.crash(0);
    expect(await disk.readWhole("/a")).toEqual(bytes(0, 0));
  });

  test("tears a write at sector bounds, and spares a later write without an earlier one", () => {
    let tornCount = 0;
    let reorderedCount = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
      const file = disk.open("/a", "create");
      file.write(bytes(SECTOR_SIZE * 4, 1), 0);
      file.sync();
      disk.syncDirectory("/");
      file.write(bytes(SECTOR_SIZE * 2, 2), 0);
      file.write(bytes(SECTOR_SIZE * 2, 3), SECTOR_SIZE * 2);
      disk.crash(0.5);
      const after = new Uint8Array(SECTOR_SIZE * 4);
      disk.open("/a", "read").read(after, 0);
      const sectors = [0, 1, 2, 3].map((at) => after.subarray(at * 512, at * 512 + 512));
      for (const sector of sectors) expect(new Set(sector).size).toBe(1);
      const [first, second, third] = sectors.map((sector) => sector[0]);
      if (first !== second) tornCount++;
      if (first === 1 && second === 1 && third === 3) reorderedCount++;
    }
    expect(tornCount).toBeGreaterThan(20);
    expect(reorderedCount).toBeGreaterThan(5);
  });

  test("leaves a rename done or not done, never half", async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 100; seed++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
      disk.makeDirectory("/one");
      disk.makeDirectory("/two");
      write(disk, "/one/a", bytes(1, 1), true);
      disk.syncDirectory("/one");
      disk.rename("/one/a", "/two/b");
      disk.crash(0.5);
      seen.add(`${disk.list("/one")} ${disk.list("/two")}`);
    }
    expect([...seen].sort()).toEqual([" b", "a "]);
  });

  test("closes files and frees locks of every process", () => {
    const disk = new SimulatedDisk();
    const other = disk.openProcess();
    const file = other.open("/a", "create");
    expect(other.lock("/lock")).toBeDefined();
    disk.crash(1);
    expect(() => file.write(bytes(1, 1), 0)).toThrow(/killed/);
    expect(disk.lock("/lock")).toBeDefined();
  });
});

describe("kill -9 of one process", () => {
  test("frees its locks, keeps what it wrote, and leaves the others alone", async () => {
    const disk = new SimulatedDisk();
    const victim = disk.openProcess();
    const bystander = disk.open("/b", "create");
    expect(disk.lock("/mine")).toBeDefined();
    expect(victim.lock("/its")).toBeDefined();
    const file = victim.open("/a", "create");
    file.write(bytes(3, 9), 0);
    victim.kill();
    expect(() => file.write(bytes(1, 1), 0)).toThrow(/killed/);
    expect(await disk.readWhole("/a")).toEqual(bytes(3, 9));
    bystander.write(bytes(1, 1), 0);
    expect(disk.lock("/its")).toBeDefined();
    expect(disk.lock("/mine")).toBeUndefined();
  });
});

describe("the death of a process in the middle of a call", () => {
  test("leaves a part of the call, frees the locks, and spares the others", async () => {
    const disk = new SimulatedDisk();
    const victim = disk.openProcess();
    const file = victim.open("/a", "create");
    expect(victim.lock("/its")).toBeDefined();
    disk.inject({ operation: "write", reason: "death" });
    expect(() => file.write(bytes(3, 1), 0)).toThrow(/killed/);
    expect(victim.isAlive).toBe(false);
    expect(() => victim.stat("/a")).toThrow(/killed/);
    expect(disk.stat("/a")?.size).toBeLessThanOrEqual(3);
    expect(disk.lock("/its")).toBeDefined();
  });
});

describe("faults", () => {
  test("the n-th call that matches fails, and only that one", () => {
    const disk = new SimulatedDisk();
    const file = disk.open("/a", "create");
    disk.inject({ operation: "write", path: /a$/, nth: 2, reason: "other" });
    file.write(bytes(4, 1), 0);
    expect(() => file.write(bytes(4, 2), 0)).toThrow(expect.objectContaining({ code: "io" }));
    file.write(bytes(4, 3), 0);
    const content = new Uint8Array(4);
    file.read(content, 0);
    expect(content).toEqual(bytes(4, 3));
  });

  test("what a failed sync did not flush is never flushed by a later one", async () => {
    let lostCount = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
      const file = disk.open("/a", "create");
      disk.syncDirectory("/");
      file.write(bytes(8, 1), 0);
      disk.inject({ operation: "sync", reason: "other" });
      expect(() => file.sync()).toThrow(/cannot sync/);
      expect(await disk.readWhole("/a")).toEqual(bytes(8, 1));
      file.sync();
      disk.crash(1);
      const after = await disk.readWhole("/a");
      if (after?.[0] !== 1) lostCount++;
    }
    expect(lostCount).toBeGreaterThan(5);
  });

  test("after a power loss in mid-call nothing works until the restart", () => {
    const disk = new SimulatedDisk();
    const file = disk.open("/a", "create");
    disk.inject({ operation: "change", nth: 2, reason: "power-loss" });
    file.write(bytes(600, 1), 0);
    expect(() => file.sync()).toThrow(/power/);
    expect(disk.isDown).toBe(true);
    expect(() => disk.stat("/a")).toThrow(/down/);
    disk.crash(1);
    expect(disk.stat("/a")?.size).toBe(600);
  });

  test("a full disk takes what fits and says full; freeing space helps", () => {
    const disk = new SimulatedDisk({ capacity: 1000 });
    write(disk, "/a", bytes(600, 1), true);
    const file = disk.open("/b", "create");
    const full = expect.objectContaining({ code: "io", details: { path: "/b", reason: "full" } });
    expect(() => file.write(bytes(600, 2), 0)).toThrow(full);
    expect(file.size()).toBe(400);
    disk.remove("/a");
    file.write(bytes(600, 2), 0);
    expect(file.size()).toBe(600);
  });

  test("a read-only disk refuses every change and serves reads", async () => {
    const disk = new SimulatedDisk();
    write(disk, "/a", bytes(3, 1), true);
    disk.isReadOnly = true;
    const refusal = { code: "io", details: expect.objectContaining({ reason: "read-only" }) };
    expect(() => disk.open("/b", "create")).toThrow(expect.objectContaining(refusal));
    expect(() => disk.remove("/a")).toThrow(expect.objectContaining(refusal));
    await expect(disk.writeWhole("/c", [], "replace")).rejects.toMatchObject({ code: "io" });
    expect(await disk.readWhole("/a")).toEqual(bytes(3, 1));
  });

  test("rot stays after a power loss", async () => {
    const disk = new SimulatedDisk();
    write(disk, "/a", bytes(4, 1), true);
    disk.syncDirectory("/");
    disk.corrupt("/a", 1, 2, 0x01);
    disk.crash(0);
    expect(await disk.readWhole("/a")).toEqual(Uint8Array.of(1, 0, 0, 1));
  });
});

test("calls are counted by kind", () => {
  const disk = new SimulatedDisk();
  const file = disk.open("/a", "create");
  file.write(bytes(1, 1), 0);
  file.write(bytes(1, 1), 1);
  file.sync();
  expect([disk.count("write"), disk.count("sync"), disk.count("rename")]).toEqual([2, 1, 0]);
});

test("one seed gives one outcome", async () => {
  const run = async (): Promise<Uint8Array | undefined> => {
    const disk = new SimulatedDisk({ random: new SeededRandom(42) });
    const file = disk.open("/a", "create");
    disk.syncDirectory("/");
    for (let at = 0; at < 40; at++) file.write(bytes(700, at), at * 300);
    disk.crash();
    return await disk.readWhole("/a");
  };
  expect(await run()).toEqual(await run());
});
