/** What went wrong with pushes in systems like this one, as claims about the whole system. */
import type { Interceptor } from "@connectrpc/connect";
import { WRITE_PAGES_SIZE_MAX } from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { MemoryObjectStore } from "@graft/object-store";
import { type FaultRule, FaultyObjectStore } from "@graft/object-store/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

/** Longer than client and server together ask again. */
const LATE_MS = 600_000;

/** A commit's PUT is carried out when everybody has given up, or begun again. */
const LATE: FaultRule = {
  fault: { kind: "lands-late", delayMs: LATE_MS },
  operations: ["create"],
  prefix: "volumes/",
};

interface Scene extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly store: FaultyObjectStore;
}

async function startWeather(seed: number): Promise<Scene> {
  const clock = new SimulatedClock({ mode: "auto" });
  const random = new SeededRandom(seed);
  const store = new FaultyObjectStore(new MemoryObjectStore(), [], random.fork(), clock);
  const cluster = await Cluster.start({ network: "memory", clock, random, store });
  return { cluster, store, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

describe("a PUT that lands after its push was given up", () => {
  it("is the same commit to the client that sends it again after a restart: once in the log", async () => {
    await using scene = await startWeather(1);
    const { cluster, store } = scene;
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const disk = new SimulatedDisk({ random: new SeededRandom(1) });
    const directory = { path: "/data", fileSystem: disk };
    const crashed = await cluster.openClient({ directory });
    const before = await crashed.openVolume(a.volumeId);
    commitPages(before, { 1: 2 }, 1);
    store.setRules(LATE);
    await expect(before.push()).rejects.toMatchObject({ code: "unavailable" });
    expect(before.status().state).toBe("unknown");
    store.setRules();
    cluster.abandonClient(crashed);
    disk.crash();
    await store.settled();
    // Another client stands on it already when its own client asks again.
    await cluster.restartServices();
    await a.pull();
    expect(await readTags(a)).toEqual([2]);
    commitPages(a, { 2: 3 }, 2);
    expect(await a.push()).toMatchObject({ lsn: 3n });
    const b = await (await cluster.openClient({ directory })).openVolume(a.volumeId);
    commitPages(b, { 1: 4 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "diverged" });
    expect(b.pendingCommits(), "the first commit landed: only the second is left").toHaveLength(1);
    await b.reset();
    expect(await readTags(b)).toEqual([2, 3]);
  });

  it("loses against the same commit sent again: it is there once, whichever was first", async () => {
    await using scene = await startWeather(2);
    const { cluster, store } = scene;
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    commitPages(a, { 1: 2 }, 1);
    store.setRules(LATE);
    await expect(a.push()).rejects.toMatchObject({ code: "unavailable" });
    store.setRules();
    expect(await a.push()).toMatchObject({ lsn: 2n, commitCount: 1 });
    await store.settled();
    commitPages(a, { 1: 3 }, 1);
    expect(await a.push()).toMatchObject({ lsn: 3n });
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(b.status().remote.lsn).toBe(3n);
    expect(await readTags(b)).toEqual([3]);
  });
});

describe("a push that is larger than any request", () => {
  it("goes through in parts that the server takes, as one commit", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(3) });
    const sizes: number[] = [];
    const measure: Interceptor = (next) => async (request) => {
      if (request.method.name === "WritePages" && !request.stream) {
        const { pages } = request.message as { readonly pages?: readonly { data: Uint8Array }[] };
        sizes.push((pages ?? []).reduce((sum, page) => sum + page.data.length, 0));
      }
      return next(request);
    };
    const client = await cluster.openClient({ interceptors: [measure] });
    const a = await client.createVolume();
    const count = 9_000;
    const tags = Object.fromEntries(Array.from({ length: count }, (_, at) => [at + 1, at + 1]));
    commitPages(a, tags, count);
    expect(await a.push()).toMatchObject({ lsn: 1n, pageCount: count });
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(WRITE_PAGES_SIZE_MAX);
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    expect((await readTags(b)).at(-1)).toBe(count);
  });
});
