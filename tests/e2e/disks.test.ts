/** Real disks that are slow, not ours, copied while they are written, and clocks that go back. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type File, type FileSystem, isGraftError, toLsn } from "@graft/core";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { openDatabaseWith } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { SqliteError } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

const WRITER = fileURLToPath(new URL("./killed-writer.ts", import.meta.url));
const STRANGER = fileURLToPath(new URL("./stranger-child.ts", import.meta.url));
/** Nobody listens there: these clients are offline. */
const NOWHERE = "http://127.0.0.1:9";
const COPIES = 6;
const DAY_MS = 86_400_000;

const folder = mkdtempSync(join(tmpdir(), "graft-disks-"));
let path: string;
let count = 0;

beforeEach(() => {
  path = join(folder, `data-${++count}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a process without rights says of the data directory. */
async function askStranger(): Promise<string> {
  const child = spawn(process.execPath, ["--conditions=@graft/source", STRANGER, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (text) => {
    said += String(text);
  });
  await once(child, "close");
  return said.trim();
}

describe("a data directory of another owner", () => {
  it("is refused, naming the file and why, and is as it was when the owner is back", async () => {
    {
      await using db = await openDatabase({ path });
      await db.exec("create table t(a); insert into t values (7)");
    }
    const isRoot = process.getuid?.() === 0;
    chmodSync(path, isRoot ? 0o700 : 0o000);
    const before = isRoot ? readdirSync(path) : undefined;
    const said = JSON.parse(await askStranger()) as { readonly code: string; message: string };
    expect(said.code).toBe("io");
    expect(said.message).toContain(path);
    expect(said.message).toMatch(/EACCES|permission/);
    chmodSync(path, 0o700);
    if (before !== undefined) expect(readdirSync(path)).toEqual(before);
    await using db = await openDatabase({ path });
    expect(await db.prepare("select a from t").pluck().get()).toBe(7);
  });

  it("that may be read and not written is refused too, not half opened", async () => {
    {
      await using db = await openDatabase({ path });
      await db.exec("create table t(a); insert into t values (7)");
    }
    execFileSync("chmod", ["-R", process.getuid?.() === 0 ? "go=rX,u=rwX" : "a=rX", path]);
    const said = JSON.parse(await askStranger()) as { readonly code: string; message: string };
    expect(said).toMatchObject({ code: "io" });
    expect(said.message).toContain(path);
    execFileSync("chmod", ["-R", "u=rwX", path]);
    await using db = await openDatabase({ path });
    expect(await db.prepare("select a from t").pluck().get()).toBe(7);
  });
});

/** Each flush takes so long, as on an old disk or a full network share. */
function slowDisk(flushMs: number): FileSystem & { flushCount: number } {
  const slow = (file: File): File => ({
    read: (target, offset) => file.read(target, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    sync: () => {
      disk.flushCount++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, flushMs);
      file.sync();
    },
    close: () => file.close(),
  });
  const disk: FileSystem & { flushCount: number } = {
    ...nodeFileSystem,
    open: (name, mode) => slow(nodeFileSystem.open(name, mode)),
    flushCount: 0,
  };
  return disk;
}

describe("a slow disk", () => {
  it("makes COMMIT wait for one flush, and nothing else: reads, other processes and pushes go on", async () => {
    await using cluster = await Cluster.start({ network: "tcp", random: new SeededRandom(1) });
    const fileSystem = slowDisk(40);
    const engine = await loadNodeEngine();
    const means = { engine, clock: systemClock, random: systemRandom, fileSystem };
    const openRemote = () => cluster.openRemote();
    const url = cluster.url ?? "";
    await using db = await openDatabaseWith(
      { ...means, openRemote },
      { path, url, sync: "manual" },
    );
    await db.exec("create table t(id integer primary key)");
    await using beside = await openDatabase({ sync: "manual", path, url });
    const before = fileSystem.flushCount;
    for (let id = 1; id <= 10; id++) {
      await db.prepare("insert into t values (?)").run(id);
      expect(await beside.prepare("select count(*) from t").pluck().get()).toBe(id);
    }
    expect(fileSystem.flushCount - before, "a flush for each commit").toBeLessThanOrEqual(15);
    await db.push();
    const startMs = performance.now();
    for (let times = 0; times < 200; times++) await db.prepare("select count(*) from t").get();
    expect(performance.now() - startMs, "reads flush nothing").toBeLessThan(1000);
    await using other = await openDatabase({ sync: "manual", url, volume: db.volume.volumeId });
    expect(await other.prepare("select count(*) from t").pluck().get()).toBe(10);
  });
});

describe("a data directory that is copied while a process writes to it", () => {
  it(`is whole, or says that it is not: never wrong rows (${COPIES} copies)`, async () => {
    const words = ["--conditions=@graft/source", WRITER, path, NOWHERE, "1"];
    const writer = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
    let newest = 0;
    const ready = Promise.withResolvers<void>();
    createInterface({ input: writer.stdout }).on("line", (line) => {
      newest = Number(line) || newest;
      if (newest > 50) ready.resolve();
    });
    await ready.promise;
    const copies: string[] = [];
    for (let at = 0; at < COPIES; at++) {
      const copy = `${path}-copy-${at}`;
      const atLeast = newest;
      if (at % 2 === 0) cpSync(path, copy, { recursive: true });
      else await copySlowly(path, copy);
      copies.push(`${copy} ${atLeast}`);
    }
    const closed = once(writer, "close");
    writer.kill("SIGKILL");
    await closed;
    let whole = 0;
    for (const each of copies) {
      const [copy = "", atLeast] = each.split(" ");
      if (await isWhole(copy, newest)) whole++;
      else expect(Number(atLeast)).toBeGreaterThan(0);
    }
    console.info(`${whole} of ${COPIES} copies were whole`);
    await using db = await openDatabase({ sync: "manual", path, url: NOWHERE, tag: "t" });
    expect(Number(await db.prepare("select max(id) from a").pluck().get())).toBeGreaterThanOrEqual(
      newest,
    );
  });
});

/** One file after another, with time for the writer in between. */
async function copySlowly(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copySlowly(source, target);
    // A file may be gone by now: its successor is there already, or comes later.
    else if (existsSync(source)) copyFileSync(source, target);
    await wait(15);
  }
}

/**
 * Whether a copy opens and holds transactions 1 … n, all of each; false when it says it is torn.
 */
async function isWhole(copy: string, newest: number): Promise<boolean> {
  try {
    await using db = await openDatabase({ sync: "manual", path: copy, url: NOWHERE, tag: "t" });
    const last = Number(await db.prepare("select coalesce(max(id), 0) from a").pluck().get());
    expect(last).toBeLessThanOrEqual(newest + 1);
    expect(await db.prepare("select count(*) from a").pluck().get()).toBe(last);
    const bodies = "select count(*) from a where body = 'row ' || id";
    expect(await db.prepare(bodies).pluck().get()).toBe(last);
    const sizes = "select count(*) from b where length(body) <> id * 997 % 9000";
    expect(await db.prepare(sizes).pluck().get()).toBe(0);
    expect(await db.prepare("pragma integrity_check").pluck().all()).toEqual(["ok"]);
    return true;
  } catch (error) {
    if (!isTorn(error)) throw error;
    return false;
  }
}

function isTorn(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isGraftError(at, "corrupt")) return true;
    if (at instanceof SqliteError && at.codeName.startsWith("SQLITE_CORRUPT")) return true;
  }
  return false;
}

describe("a clock that goes back a day", () => {
  it("disturbs no commit, push or pull; lag is never negative, and the log's time never falls", async () => {
    const clock = new SimulatedClock({ mode: "auto" });
    await using cluster = await Cluster.start({ clock, random: new SeededRandom(2) });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 0 }, 1);
    await a.push();
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    for (let tag = 1; tag <= 6; tag++) {
      commitPages(a, { 1: tag }, 1);
      await a.push();
      clock.jumpWall(tag % 2 === 0 ? DAY_MS : -DAY_MS);
      await b.pull();
      expect(await readTags(b)).toEqual([tag]);
      for (const volume of [a, b]) expect(volume.status().lagMs ?? 0).toBeGreaterThanOrEqual(0);
      await clock.sleep(1000);
    }
    const { commits } = await b.remoteLog(toLsn(1n));
    const times = commits.map(({ snapshot }) => snapshot.timestampMs);
    expect(times).toHaveLength(7);
    expect(times).toEqual([...times].sort((one, two) => one - two));
  });
});
