import { Runtime, type Volume } from "@graft/client";
import { isGraftError, PAGE_SIZE_DEFAULT } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { Database } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

/** More pages than a commit keeps in its record: they go to slots first. */
const LARGE_COUNT = 300;

/** What the volume must read as: only what was acknowledged. */
class Model {
  tags: number[] = [];
  /** What a commit would have made that was refused. */
  after: readonly number[] | undefined;

  write(volume: Volume, tag: number, count: number, pageCount: number): void {
    const pages = Object.fromEntries(Array.from({ length: count }, (_, at) => [at + 1, tag]));
    const after = Array.from({ length: pageCount }, (_, at) =>
      at < count ? tag : (this.tags[at] ?? 0),
    );
    this.after = after;
    commitPages(volume, pages, pageCount);
    this.tags = after;
    this.after = undefined;
  }
}

async function startCluster(seed: number): Promise<Cluster> {
  return Cluster.start({ network: "memory", random: new SeededRandom(seed) });
}

async function openOn(cluster: Cluster, disk: SimulatedDisk): Promise<Runtime> {
  return cluster.openClient({ directory: { path: "/data", fileSystem: disk } });
}

/** The machine stops and starts again: the client on it died with all it had open. */
function losePower(cluster: Cluster, disk: SimulatedDisk, client: Runtime): void {
  cluster.abandonClient(client);
  disk.crash();
}

async function reopen(cluster: Cluster, disk: SimulatedDisk, volume: Volume): Promise<Volume> {
  return (await openOn(cluster, disk)).openVolume(volume.volumeId);
}

/** Runs `step`, which may meet the fault; anything but a clean failure of the disk is a bug. */
async function attempt(step: () => unknown): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    if (!isGraftError(error, "io")) throw error;
    return false;
  }
}

const STEPS: readonly ((volume: Volume, model: Model) => unknown)[] = [
  (volume, model) => model.write(volume, 1, 3, 3),
  (volume, model) => model.write(volume, 2, LARGE_COUNT, LARGE_COUNT),
  (volume) => volume.push(),
  (volume, model) => model.write(volume, 3, 1, 40),
  (volume, model) => model.write(volume, 4, 2, 60),
  (volume) => volume.push(),
  (volume, model) => model.write(volume, 5, LARGE_COUNT, LARGE_COUNT + 5),
  (volume, model) => model.write(volume, 6, 1, LARGE_COUNT + 5),
];

describe("a disk that fails", () => {
  it.each([
    ["write", "full"],
    ["sync", "other"],
    ["change", "full"],
  ] as const)(
    "at any %s (%s) loses nothing that was acknowledged, and keeps nothing that was refused",
    async (operation, reason) => {
      for (const times of [1, Number.POSITIVE_INFINITY]) {
        for (let nth = 1; nth <= 16; nth++) await runWithFault({ operation, reason, nth, times });
      }
    },
  );
});

describe("a disk that fails for good, and then loses power,", () => {
  it.each(["write", "sync", "change"] as const)(
    "at any %s keeps what was acknowledged",
    async (operation) => {
      for (let nth = 1; nth <= 16; nth++) {
        await using cluster = await startCluster(nth);
        const disk = new SimulatedDisk({ random: new SeededRandom(nth) });
        const client = await openOn(cluster, disk);
        const volume = await client.createVolume();
        const model = new Model();
        const times = Number.POSITIVE_INFINITY;
        disk.inject({ operation, nth, times, reason: "other", path: /^\/data\/volumes/ });
        const refused: (readonly number[])[] = [];
        for (const step of STEPS) {
          const before = model.tags;
          if (await attempt(() => step(volume, model))) continue;
          refused.push(model.after ?? before);
        }
        losePower(cluster, disk, client);
        disk.clearFaults();
        const again = await reopen(cluster, disk, volume);
        // The first commit that was refused may be there: nobody could take its bytes back.
        expect([model.tags, ...refused.slice(0, 1)]).toContainEqual(await readTags(again));
      }
    },
  );
});

async function runWithFault(fault: {
  readonly operation: "write" | "sync" | "change";
  readonly reason: "full" | "other";
  readonly nth: number;
  readonly times: number;
}): Promise<void> {
  await using cluster = await startCluster(1);
  const disk = new SimulatedDisk({ random: new SeededRandom(fault.nth) });
  const client = await openOn(cluster, disk);
  const volume = await client.createVolume();
  const model = new Model();
  disk.inject({ ...fault, path: /^\/data\/volumes/ });
  for (const step of STEPS) await attempt(() => step(volume, model));
  expect(await readTags(volume)).toEqual(model.tags);
  disk.clearFaults();
  // Even a disk that failed for good takes commits again once it is whole.
  model.write(volume, 7, 1, Math.max(1, model.tags.length));
  expect(await readTags(volume)).toEqual(model.tags);

  losePower(cluster, disk, client);
  const again = await reopen(cluster, disk, volume);
  expect(await readTags(again), JSON.stringify(fault)).toEqual(model.tags);
  while (again.status().state !== "synced") await again.push();
  const other = await (await cluster.openClient()).openVolume(volume.volumeId);
  expect(await readTags(other)).toEqual(model.tags);
}

describe("closing a client whose disk fails", () => {
  it.each([
    ["read", "io"],
    ["write", undefined],
    ["sync", "io"],
    ["change", "io"],
    ["any call", "io"],
  ] as const)("at every %s gives back all that others wait for (error: %s)", async (name, code) => {
    await using cluster = await startCluster(6);
    const { clock, random } = cluster;
    const disk = new SimulatedDisk({ random: new SeededRandom(6) });
    const client = await Runtime.open({
      remote: cluster.openRemote(),
      clock,
      random,
      directory: { path: "/data", fileSystem: disk },
      // Less than is here: with the last reader pages are dropped, which needs the disk.
      cacheSizeMax: 2 * PAGE_SIZE_DEFAULT,
    });
    const volume = await client.createVolume();
    const reader = volume.openReader();
    commitPages(volume, { 1: 1, 2: 2, 3: 3, 4: 4 }, 4);
    await volume.push();
    volume.openReader();
    volume.openWriter();
    const fault = { times: Number.POSITIVE_INFINITY, reason: "other" } as const;
    disk.inject(name === "any call" ? fault : { ...fault, operation: name });
    const failed = await client.close().catch((error: unknown) => error);
    expect(isGraftError(failed) ? failed.code : failed).toBe(code);
    disk.clearFaults();
    expect(findLocked(disk, ["/data", `/data/volumes/${volume.volumeId}`])).toEqual([]);
    reader.close();
    expect(await readTags(await reopen(cluster, disk, volume))).toEqual([1, 2, 3, 4]);
  });
});

/** The locks that somebody holds, of those that lie in the directories. */
function findLocked(disk: SimulatedDisk, directories: readonly string[]): readonly string[] {
  const paths = directories.flatMap((directory) =>
    (disk.list(directory) ?? []).map((name) => `${directory}/${name}`),
  );
  const other = disk.openProcess();
  return paths.filter((path) => {
    if (disk.stat(path)?.kind !== "file" || !path.endsWith("lock")) return false;
    const lock = other.lock(path);
    lock?.close();
    return lock === undefined;
  });
}

describe("a full disk", () => {
  it("while a push is written down leaves it to the next push, which sends it once and what follows", async () => {
    await using cluster = await startCluster(2);
    const disk = new SimulatedDisk({ random: new SeededRandom(2) });
    const client = await openOn(cluster, disk);
    const volume = await client.createVolume();
    commitPages(volume, { 1: 1 }, 1);
    // The first write says that a push is prepared, the second that it landed.
    disk.inject({ operation: "write", path: /\/log-/, nth: 2, reason: "full" });
    await expect(volume.push()).rejects.toMatchObject({ code: "io", details: { reason: "full" } });
    expect(volume.status().state).toBe("unknown");
    commitPages(volume, { 1: 2 }, 1);
    // LSN 1 is what was pushed before the disk was full, not sent a second time.
    expect(await volume.push()).toMatchObject({ kind: "pushed", lsn: 2n, commitCount: 2 });
    expect(await volume.push()).toEqual({ kind: "nothing-to-push" });
    const other = await (await cluster.openClient()).openVolume(volume.volumeId);
    expect(await readTags(other)).toEqual([2]);
  });

  it("when a rejection is written down leaves it to the next push too", async () => {
    await using cluster = await startCluster(3);
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const disk = new SimulatedDisk({ random: new SeededRandom(3) });
    const client = await openOn(cluster, disk);
    const b = await client.openVolume(a.volumeId);
    await readTags(b);
    commitPages(a, { 1: 2 }, 1);
    commitPages(b, { 1: 3 }, 1);
    await a.push();
    disk.inject({ operation: "write", path: /\/log-/, nth: 2, reason: "full" });
    await expect(b.push()).rejects.toMatchObject({ code: "io" });
    expect(await readTags(b)).toEqual([3]);
    await expect(b.push()).rejects.toMatchObject({ code: "diverged" });
    expect(b.status()).toMatchObject({ state: "diverged", local: { pending: 1 } });
  });

  it("fails COMMIT with the reason, leaves no lock, and what was committed is there", async () => {
    const engine = await loadNodeEngine();
    await using cluster = await startCluster(4);
    const disk = new SimulatedDisk({ random: new SeededRandom(4) });
    const client = await openOn(cluster, disk);
    const volume = await client.createVolume();
    const means = { engine, clock: systemClock, random: systemRandom };
    const db = new Database({ ...means, volume, busyTimeoutMs: 0 });
    await db.exec("create table t(id integer primary key, body)");
    let count = 0;
    disk.capacity = 600_000;
    const insert = db.prepare("insert into t(body) values (randomblob(9000))");
    const failed: unknown[] = [];
    for (let at = 0; at < 80; at++) {
      await insert.run().then(
        () => count++,
        (error: unknown) => failed.push(error),
      );
    }
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0]).toMatchObject({ message: expect.stringMatching(/full/) });
    const countRows = (of: Database): Promise<unknown> =>
      of.prepare("select count(*) from t").pluck().get();
    expect(await countRows(db)).toBe(count);
    expect(await db.prepare("pragma integrity_check").pluck().get()).toBe("ok");

    disk.capacity = Number.POSITIVE_INFINITY;
    await insert.run();
    expect(await countRows(db)).toBe(++count);
    losePower(cluster, disk, client);
    const again = new Database({ ...means, volume: await reopen(cluster, disk, volume) });
    expect(await countRows(again)).toBe(count);
    expect(await again.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    await again.close();
  });

  it("in the middle of a large transaction rolls it back, though its journal cannot be played", async () => {
    const engine = await loadNodeEngine();
    await using cluster = await startCluster(5);
    const disk = new SimulatedDisk({ random: new SeededRandom(5) });
    const client = await openOn(cluster, disk);
    const volume = await client.createVolume();
    const db = new Database({ volume, engine, clock: systemClock, random: systemRandom });
    await db.exec("create table t(id integer primary key, body)");
    await db.exec("insert into t(body) values ('kept')");
    disk.capacity = 8 * 1024 * 1024;
    const fill = (count: number): Promise<void> =>
      db.exec(`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
        insert into t(body) select zeroblob(20000) from n`);
    // More than a transaction keeps in memory, and more than the disk has.
    await expect(fill(2000)).rejects.toThrow(/full/);
    disk.capacity = Number.POSITIVE_INFINITY;
    expect(volume.status().local.pending).toBe(2);
    await db.transaction((tx) => tx.exec("insert into t(body) values ('too')"));
    await fill(20);
    expect(await db.prepare("select count(*) from t").pluck().get()).toBe(22);
    losePower(cluster, disk, client);
    const again = await reopen(cluster, disk, volume);
    const reopened = new Database({
      volume: again,
      engine,
      clock: systemClock,
      random: systemRandom,
    });
    expect(await reopened.prepare("select count(*) from t").pluck().get()).toBe(22);
    expect(await reopened.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    await reopened.close();
  });
});
