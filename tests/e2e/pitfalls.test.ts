/** What went wrong in systems like this one, as claims about the whole system. */
import type { Interceptor } from "@connectrpc/connect";
import type { Runtime, Volume } from "@graft/client";
import {
  type FileSystem,
  GraftError,
  isGraftError,
  pageRange,
  parseVolumeId,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { volumePrefix } from "@graft/format";
import { nothingWritten, toConnectError } from "@graft/rpc";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags, tagPage } from "../harness/pages.ts";

type Weather = "pass" | "request lost" | "answer lost" | "refused";

/** What happens to the first calls of a method; the rest pass. */
function plan(method: string, weather: readonly Weather[]): Interceptor {
  let seen = 0;
  return (next) => async (request) => {
    if (request.method.name !== method) return next(request);
    const what = weather[seen++] ?? "pass";
    if (what === "refused") {
      throw toConnectError(new GraftError("invalid-argument", "no", { details: nothingWritten }));
    }
    if (what === "request lost") throw new GraftError("unavailable", "the request was lost");
    const answer = await next(request);
    if (what === "answer lost") throw new GraftError("unavailable", "the answer was lost");
    return answer;
  };
}

function count(method: string): { readonly interceptor: Interceptor; calls: number } {
  const counter = {
    calls: 0,
    interceptor: ((next) => async (request) => {
      if (request.method.name === method) counter.calls++;
      return next(request);
    }) as Interceptor,
  };
  return counter;
}

async function startCluster(seed: number): Promise<Cluster> {
  return Cluster.start({
    network: "memory",
    clock: new SimulatedClock({ mode: "auto" }),
    random: new SeededRandom(seed),
  });
}

async function openOn(
  cluster: Cluster,
  fileSystem: FileSystem,
  ...interceptors: Interceptor[]
): Promise<Runtime> {
  return cluster.openClient({ directory: { path: "/data", fileSystem }, interceptors });
}

/** The machine stops and starts again: the client on it died with all it had open. */
function losePower(cluster: Cluster, disk: SimulatedDisk, client: Runtime): void {
  cluster.abandonClient(client);
  disk.crash();
}

async function createPushed(cluster: Cluster, tags: Record<number, number>): Promise<Volume> {
  const volume = await (await cluster.openClient()).createVolume();
  commitPages(volume, tags, Object.keys(tags).length);
  await volume.push();
  return volume;
}

const ALL_LOST: readonly Weather[] = [
  "answer lost",
  "request lost",
  "request lost",
  "request lost",
];
const NONE_SENT: readonly Weather[] = Array.from({ length: 4 }, () => "request lost" as const);

describe("after a crash between the commit and its answer", () => {
  it("the client reads to the head, and its older view can commit nothing", async () => {
    await using cluster = await startCluster(1);
    const a = await createPushed(cluster, { 1: 1 });
    const disk = new SimulatedDisk({ random: new SeededRandom(1) });
    const crashed = await openOn(cluster, disk, plan("Commit", ALL_LOST));
    const before = await crashed.openVolume(a.volumeId);
    commitPages(before, { 1: 2 }, 1);
    await expect(before.push()).rejects.toMatchObject({ code: "unavailable" });
    losePower(cluster, disk, crashed);
    for (const tag of [3, 4, 5]) {
      await a.pull();
      commitPages(a, { 1: tag }, 1);
      await a.push();
    }
    const b = await (await openOn(cluster, disk)).openVolume(a.volumeId);
    const reader = b.openReader();
    expect(await b.pull()).toMatchObject({ lsn: 5n });
    expect(await readTags(b)).toEqual([5]);
    expect(reader.lsn).toBe(1n);
    expect(b.status()).toMatchObject({ state: "synced", local: { pending: 0 } });
    reader.close();
    commitPages(b, { 1: 6 }, 1);
    expect(await b.push()).toMatchObject({ lsn: 6n });
  });

  it("the client id is the same, for it lies with the data", async () => {
    await using cluster = await startCluster(2);
    const disk = new SimulatedDisk({ random: new SeededRandom(2) });
    const before = await openOn(cluster, disk);
    losePower(cluster, disk, before);
    expect((await openOn(cluster, disk)).clientId).toBe(before.clientId);
  });
});

describe("a reset", () => {
  it("discards purely local work, though the server has nothing newer", async () => {
    await using cluster = await startCluster(3);
    const a = await createPushed(cluster, { 1: 1 });
    commitPages(a, { 1: 2, 2: 2 }, 2);
    expect(await a.reset()).toEqual({ lsn: 1n, discardedCommitCount: 1 });
    expect(await readTags(a)).toEqual([1]);
    const unpushed = await (await cluster.openClient()).createVolume();
    commitPages(unpushed, { 1: 7 }, 1);
    expect(await unpushed.reset()).toEqual({ lsn: undefined, discardedCommitCount: 1 });
    expect(unpushed.openReader().pageCount).toBe(0);
  });

  it("of a push that may have landed, and may not be repeated, fences it: it landed", async () => {
    await using cluster = await startCluster(4);
    const a = await createPushed(cluster, { 1: 1 });
    const weather = plan("Commit", [...ALL_LOST, "refused"]);
    const b = await (await cluster.openClient({ interceptors: [weather] })).openVolume(a.volumeId);
    commitPages(b, { 1: 2 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "unavailable" });
    expect(await b.reset()).toMatchObject({ lsn: 2n });
    expect(await readTags(b)).toEqual([2]);
  });

  it("of a push that may have landed, and may not be repeated, fences it: it did not", async () => {
    await using cluster = await startCluster(5);
    const a = await createPushed(cluster, { 1: 1 });
    const weather = plan("Commit", [...NONE_SENT, "refused"]);
    const b = await (await cluster.openClient({ interceptors: [weather] })).openVolume(a.volumeId);
    commitPages(b, { 1: 2 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "unavailable" });
    expect(await b.reset()).toMatchObject({ lsn: 2n, discardedCommitCount: 1 });
    expect(await readTags(b)).toEqual([1]);
    await a.pull();
    expect(await readTags(a)).toEqual([1]);
  });

  it("that cannot reach the server gives up nothing", async () => {
    await using cluster = await startCluster(6);
    const a = await createPushed(cluster, { 1: 1 });
    commitPages(a, { 1: 2 }, 1);
    await cluster.stopServices();
    await expect(a.reset()).rejects.toMatchObject({ code: "unavailable" });
    expect(await readTags(a)).toEqual([2]);
    expect(a.status()).toMatchObject({ state: "pending", local: { pending: 1 } });
  });
});

describe("a refused push", () => {
  it("leaves no lock and no trace: commits go on, and the next push sends them all", async () => {
    await using cluster = await startCluster(7);
    const weather = plan("Commit", ["refused"]);
    const a = await (await cluster.openClient({ interceptors: [weather] })).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await expect(a.push()).rejects.toMatchObject({ code: "invalid-argument" });
    expect(a.status().state).toBe("pending");
    commitPages(a, { 1: 2 }, 1);
    expect(await a.push()).toMatchObject({ lsn: 1n, commitCount: 2 });
  });

  it("that was rejected leaves no lock either", async () => {
    await using cluster = await startCluster(8);
    const a = await createPushed(cluster, { 1: 1 });
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    commitPages(a, { 1: 2 }, 1);
    commitPages(b, { 1: 3 }, 1);
    await a.push();
    for (let times = 0; times < 2; times++) {
      await expect(b.push()).rejects.toMatchObject({ code: "diverged" });
      commitPages(b, { 1: 4 + times }, 1);
    }
    expect(b.status().local.pending).toBe(3);
  });
});

describe("a page that exists and is not here", () => {
  it("is an error while nobody can be asked, never zeros", async () => {
    await using cluster = await startCluster(9);
    const a = await createPushed(cluster, { 1: 1, 2: 2 });
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    await cluster.stopServices();
    const reader = b.openReader();
    const page = new Uint8Array(b.pageSize).fill(7);
    expect(reader.read(toPageIndex(2), page)).toBe(false);
    await expect(reader.fetch(pageRange(2, 2))).rejects.toMatchObject({ code: "unavailable" });
    expect(reader.read(toPageIndex(2), page)).toBe(false);
    await cluster.startServices();
    expect(await readTags(b)).toEqual([1, 2]);
    reader.close();
  });

  it("is asked for once, however many readers want it", async () => {
    await using cluster = await startCluster(10);
    const a = await createPushed(cluster, { 1: 1, 2: 2 });
    const counter = count("ReadPages");
    const client = await cluster.openClient({ interceptors: [counter.interceptor] });
    const b = await client.openVolume(a.volumeId);
    const reads = Array.from({ length: 20 }, () => readTags(b));
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 20 }, () => [1, 2]));
    expect(counter.calls).toBe(1);
  });

  it("that a pull changed while it was on its way serves the old snapshot only", async () => {
    await using cluster = await startCluster(11);
    const a = await createPushed(cluster, { 1: 1, 2: 2 });
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const hold: Interceptor = (next) => async (request) => {
      const answer = await next(request);
      if (request.method.name === "ReadPages") {
        reached.resolve();
        await gate.promise;
      }
      return answer;
    };
    const client = await cluster.openClient({ interceptors: [hold] });
    const b = await client.openVolume(a.volumeId);
    const old = b.openReader();
    const fetching = old.fetch(pageRange(1, 2));
    await reached.promise;
    commitPages(a, { 2: 22 }, 2);
    await a.push();
    await b.pull();
    gate.resolve();
    await fetching;
    const page = new Uint8Array(b.pageSize);
    expect(old.read(toPageIndex(2), page)).toBe(true);
    expect(page[0]).toBe(2);
    old.close();
    const fresh = b.openReader();
    expect(fresh.read(toPageIndex(1), page)).toBe(true);
    expect(fresh.read(toPageIndex(2), page)).toBe(false);
    fresh.close();
    expect(await readTags(b)).toEqual([1, 22]);
  });
});

/** Longer than a process that was alone keeps the turn to write after a transaction. */
const TURN_KEPT_MS = 200;

describe("one data directory", () => {
  it("has two users at once, who see each other's commits", async () => {
    await using cluster = await startCluster(12);
    const disk = new SimulatedDisk({ random: new SeededRandom(12) });
    const first = await openOn(cluster, disk);
    const a = await first.createVolume();
    commitPages(a, { 1: 1 }, 1);
    const second = await openOn(cluster, disk.openProcess());
    const b = await second.openVolume(a.volumeId);
    expect(await readTags(b)).toEqual([1]);
    await cluster.clock.sleep(TURN_KEPT_MS);
    commitPages(b, { 2: 2 }, 2);
    expect(await readTags(a)).toEqual([1, 2]);
    commitPages(a, { 1: 3 }, 2);
    expect(await readTags(b)).toEqual([3, 2]);
    // What one of them pushed the other one need not push again.
    expect(await b.push()).toMatchObject({ lsn: 1n, commitCount: 3 });
    expect(await a.push()).toEqual({ kind: "nothing-to-push" });
  });

  it("has one write transaction at a time, whoever writes", async () => {
    await using cluster = await startCluster(12);
    const disk = new SimulatedDisk({ random: new SeededRandom(12) });
    const a = await (await openOn(cluster, disk)).createVolume();
    const second = await openOn(cluster, disk.openProcess());
    const b = await second.openVolume(a.volumeId);
    const writer = a.openWriter();
    expect(writer).toBeDefined();
    expect(b.openWriter()).toBeUndefined();
    writer?.rollback();
    await cluster.clock.sleep(TURN_KEPT_MS);
    const next = b.openWriter();
    expect(next).toBeDefined();
    next?.rollback();
  });

  it("shows the next user everything", async () => {
    await using cluster = await startCluster(12);
    const disk = new SimulatedDisk({ random: new SeededRandom(12) });
    const first = await openOn(cluster, disk);
    const volume = await first.createVolume();
    commitPages(volume, { 1: 1 }, 1);
    await first.close();
    const next = await openOn(cluster, disk.openProcess());
    expect(next.clientId).toBe(first.clientId);
    expect(await readTags(await next.openVolume(volume.volumeId))).toEqual([1]);
  });
});

describe("an upload that is repeated", () => {
  it("makes new segments, and the commit takes the last ones", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(13) });
    const tags = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [at + 1, at + 1]));
    const weather = plan("WritePages", ["answer lost", "answer lost"]);
    const a = await (await cluster.openClient({ interceptors: [weather] })).createVolume();
    commitPages(a, tags, 100);
    expect(await a.push()).toMatchObject({ lsn: 1n, pageCount: 100 });
    let segments = 0;
    for await (const _ of cluster.store.list(`${volumePrefix(a.volumeId)}segments/`)) segments++;
    expect(segments).toBeGreaterThan(1);
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(await readTags(b)).toEqual(Object.values(tags));
  });
});

describe("an import whose outcome nobody learns", () => {
  it("names the volume, which is whole when it is there", async () => {
    await using cluster = await startCluster(20);
    const lost = Array.from({ length: 6 }, () => "answer lost" as const);
    const client = await cluster.openClient({ interceptors: [plan("Commit", lost)] });
    const pages = [{ index: toPageIndex(1), data: tagPage(4096, 7) }];
    const request = { pageSize: toPageSize(4096), pageCount: toPageCount(1), pages };
    const error: unknown = await client.importVolume(request).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "unavailable" });
    if (!isGraftError(error)) throw error;
    const volumeId = parseVolumeId(String(error.details.volume));
    expect(await readTags(await (await cluster.openClient()).openVolume(volumeId))).toEqual([7]);
  });
});

describe("a volume that shrank, was pushed, and grew again", () => {
  it("reads zeros until it is written, here, on replicas, and after a restart", async () => {
    await using cluster = await startCluster(19);
    const disk = new SimulatedDisk({ random: new SeededRandom(19) });
    const client = await openOn(cluster, disk);
    const a = await client.createVolume();
    commitPages(a, { 1: 1, 2: 2, 3: 3, 4: 4 }, 4);
    await a.push();
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(await readTags(b)).toEqual([1, 2, 3, 4]);
    commitPages(a, { 1: 5 }, 2);
    await a.push();
    commitPages(a, { 1: 6 }, 4);
    await a.push();
    const writer = a.openWriter();
    writer?.commit({ pageCount: toPageCount(3) });
    expect(await readTags(a)).toEqual([6, 2, 0]);
    await b.pull();
    expect(await readTags(b)).toEqual([6, 2, 0, 0]);
    losePower(cluster, disk, client);
    const again = await (await openOn(cluster, disk)).openVolume(a.volumeId);
    expect(await readTags(again)).toEqual([6, 2, 0]);
    await again.push();
    await b.pull();
    expect(await readTags(b)).toEqual([6, 2, 0]);
    const late = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(await readTags(late)).toEqual([6, 2, 0]);
  });
});
