import type { Interceptor } from "@connectrpc/connect";
import type { Volume } from "@graft/client";
import { type Clock, pageRange, toPageCount, toPageIndex } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

/** Holds calls of one method back, as if the network were slow, until `open` is called. */
function holdCalls(method: string, when: "before" | "after"): HeldCalls {
  const opened = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const wait = async (signal: AbortSignal): Promise<void> => {
    reached.resolve();
    const aborted = Promise.withResolvers<never>();
    const abort = async (): Promise<void> => {
      // An aborted request takes a moment to end.
      await systemClock.sleep(5);
      aborted.reject(signal.reason);
    };
    signal.addEventListener("abort", () => void abort(), { once: true });
    await Promise.race([opened.promise, aborted.promise]);
  };
  return {
    reached: reached.promise,
    open: opened.resolve,
    interceptor: (next) => async (request) => {
      if (request.method.name !== method) return next(request);
      if (when === "before") await wait(request.signal);
      const answer = await next(request);
      if (when === "after") await wait(request.signal);
      return answer;
    },
  };
}

interface HeldCalls {
  readonly interceptor: Interceptor;
  /** Resolves when the first call is held. */
  readonly reached: Promise<void>;
  readonly open: () => void;
}

async function startCluster(seed: number, clock?: Clock): Promise<Cluster> {
  const random = new SeededRandom(seed);
  return Cluster.start({ network: "memory", random, ...(clock && { clock }) });
}

async function createPushed(cluster: Cluster, tags: Record<number, number>): Promise<Volume> {
  const volume = await (await cluster.openClient()).createVolume();
  commitPages(volume, tags, Object.keys(tags).length);
  await volume.push();
  return volume;
}

describe("an abort", () => {
  it("of one reader's fetch does not fail another that wants the same page just then", async () => {
    await using cluster = await startCluster(1);
    const { volumeId } = await createPushed(cluster, { 1: 11 });
    const held = holdCalls("ReadPages", "before");
    const b = await cluster.openClient({ interceptors: [held.interceptor] });
    const volume = await b.openVolume(volumeId);
    const [first, second] = [volume.openReader(), volume.openReader()];
    const given = new AbortController();
    const failing = first.fetch(pageRange(1, 1), given.signal);
    await held.reached;
    given.abort();
    await expect(failing).rejects.toMatchObject({ name: "AbortError" });
    const wanted = second.fetch(pageRange(1, 1));
    await systemClock.sleep(10);
    held.open();
    await wanted;
    expect(second.read(toPageIndex(1), new Uint8Array(second.pageSize))).toBe(true);
    first.close();
    second.close();
  });

  it.each(["before", "after"] as const)(
    "of a push %s the commit was carried out leaves it to the next push, once",
    async (when) => {
      await using cluster = await startCluster(2);
      const held = holdCalls("Commit", when);
      const client = await cluster.openClient({ interceptors: [held.interceptor] });
      const volume = await client.createVolume();
      commitPages(volume, { 1: 1 }, 1);
      const given = new AbortController();
      const pushing = volume.push({ signal: given.signal });
      await held.reached;
      given.abort();
      await expect(pushing).rejects.toThrow();
      expect(volume.status()).toMatchObject({ state: "unknown", local: { pending: 1 } });
      commitPages(volume, { 2: 2 }, 2);
      held.open();
      expect(await volume.push(), "the lost one, and what came after it").toMatchObject({
        lsn: 2n,
        commitCount: 2,
      });
      expect(await volume.push()).toEqual({ kind: "nothing-to-push" });
      const other = await (await cluster.openClient()).openVolume(volume.volumeId);
      expect(await readTags(other)).toEqual([1, 2]);
    },
  );

  it("of a pull that waits for a writer applies nothing, and the writer commits", async () => {
    await using cluster = await startCluster(3);
    const a = await createPushed(cluster, { 1: 1 });
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    await readTags(b);
    commitPages(a, { 1: 2 }, 1);
    await a.push();
    const writer = b.openWriter();
    writer?.write(toPageIndex(1), new Uint8Array(b.pageSize).fill(3));
    const given = new AbortController();
    const pulling = b.pull({ signal: given.signal });
    while (b.status().lagMs === undefined) await systemClock.sleep(1);
    given.abort();
    await expect(pulling).rejects.toThrow();
    expect(writer?.commit({ pageCount: toPageCount(1) })).toMatchObject({ kind: "committed" });
    expect(b.status()).toMatchObject({ state: "pending", remote: { lsn: 1n } });
  });
});

describe("closing", () => {
  it.each(["before", "after"] as const)(
    "during a push, %s the commit was carried out, loses nothing and repeats nothing",
    async (when) => {
      await using cluster = await startCluster(4);
      const disk = new SimulatedDisk({ random: new SeededRandom(4) });
      const directory = { path: "/data", fileSystem: disk };
      const held = holdCalls("Commit", when);
      const client = await cluster.openClient({ directory, interceptors: [held.interceptor] });
      const volume = await client.createVolume();
      commitPages(volume, { 1: 1 }, 1);
      const pushing = volume.push();
      await held.reached;
      await Promise.all([client.close(), expect(pushing).rejects.toThrow()]);
      disk.crash();
      const again = await cluster.openClient({ directory });
      const reopened = await again.openVolume(volume.volumeId);
      expect(reopened.status()).toMatchObject({ state: "unknown", local: { pending: 1 } });
      expect(await reopened.push()).toMatchObject({ lsn: 1n, commitCount: 1 });
      expect(await reopened.push()).toEqual({ kind: "nothing-to-push" });
      expect(await readTags(reopened)).toEqual([1]);
    },
  );

  it("a runtime waits for a volume that is closing before it leaves the directory", async () => {
    await using cluster = await startCluster(5);
    const disk = new SimulatedDisk({ random: new SeededRandom(5) });
    const directory = { path: "/data", fileSystem: disk };
    const client = await cluster.openClient({ directory });
    const volume = await client.createVolume();
    commitPages(volume, { 1: 1 }, 1);
    const order: string[] = [];
    const held = Promise.withResolvers<void>();
    // A reset that is saving local work when the close comes: it ends when its caller lets it.
    const resetting = volume.reset({ save: () => held.promise }).catch(() => undefined);
    while (volume.status().lagMs === undefined) await systemClock.sleep(1);
    const closingVolume = volume.close().then(() => order.push("volume"));
    const closingRuntime = client.close().then(() => order.push("runtime"));
    await systemClock.sleep(5);
    const process = disk.openProcess();
    expect(process.lock("/data/processes/0.lock"), "it is still counted").toBeUndefined();
    held.resolve();
    await Promise.all([resetting, closingVolume, closingRuntime]);
    expect(order).toEqual(["volume", "runtime"]);
    expect(process.lock("/data/processes/0.lock")).toBeDefined();
  });

  it("rolls an open writer back: nothing of it is committed, however late it tries", async () => {
    await using cluster = await startCluster(9);
    const disk = new SimulatedDisk({ random: new SeededRandom(9) });
    const directory = { path: "/data", fileSystem: disk };
    const client = await cluster.openClient({ directory });
    const volume = await client.createVolume();
    commitPages(volume, { 1: 1 }, 1);
    const writer = volume.openWriter();
    writer?.write(toPageIndex(2), new Uint8Array(volume.pageSize).fill(9));
    await client.close();
    const closed = expect.objectContaining({ code: "invalid-argument" });
    const again = await cluster.openClient({ directory });
    const reopened = await again.openVolume(volume.volumeId);
    for (let times = 0; times < 2; times++) {
      expect(() => writer?.commit({ pageCount: toPageCount(2) })).toThrow(closed);
    }
    expect(() => writer?.write(toPageIndex(2), new Uint8Array(volume.pageSize))).toThrow(closed);
    writer?.rollback();
    commitPages(reopened, { 1: 2 }, 1);
    expect(await readTags(reopened)).toEqual([2]);
  });

  it("ends a fetch that is under way, and stores nothing that arrives later", async () => {
    await using cluster = await startCluster(10);
    const { volumeId } = await createPushed(cluster, { 1: 11 });
    const disk = new SimulatedDisk({ random: new SeededRandom(10) });
    const directory = { path: "/data", fileSystem: disk };
    const held = holdCalls("ReadPages", "after");
    const client = await cluster.openClient({ directory, interceptors: [held.interceptor] });
    const volume = await client.openVolume(volumeId);
    const fetching = volume.openReader().fetch(pageRange(1, 1));
    await held.reached;
    await Promise.all([client.close(), expect(fetching).rejects.toThrow(/closed|abort/)]);
    const changes = ["write", "rename", "truncate", "remove"] as const;
    const before = changes.map((change) => disk.count(change));
    held.open();
    await systemClock.sleep(10);
    expect(changes.map((change) => disk.count(change))).toEqual(before);
  });

  it("a runtime ends an opening that is under way: it opens no files afterwards", async () => {
    await using cluster = await startCluster(6);
    const { volumeId } = await createPushed(cluster, { 1: 1 });
    const disk = new SimulatedDisk({ random: new SeededRandom(6) });
    const directory = { path: "/data", fileSystem: disk };
    const held = holdCalls("GetSnapshot", "after");
    const client = await cluster.openClient({ directory, interceptors: [held.interceptor] });
    const opening = client.openVolume(volumeId);
    await held.reached;
    await client.close();
    held.open();
    await expect(opening).rejects.toThrow(/closed/);
    expect(disk.list("/data/volumes") ?? []).toEqual([]);
    expect(disk.lock("/data/lock")).toBeDefined();
  });
});

describe("a reset that saves first", () => {
  it("never gives up a commit that came after the look at what there is to save", async () => {
    let onReached = (): void => undefined;
    const clock: Clock = {
      nowMs: () => systemClock.nowMs(),
      sleep: (ms, signal) => systemClock.sleep(ms, signal),
      monotonicMs: () => {
        onReached();
        return systemClock.monotonicMs();
      },
    };
    await using cluster = await startCluster(7, clock);
    const volume = await (await cluster.openClient()).createVolume();
    let isCommitted = false;
    const commitOnce = (): void => {
      onReached = () => undefined;
      const isReached = volume.status().lagMs !== undefined;
      if (isReached && !isCommitted) commitPages(volume, { 1: 1 }, 1);
      isCommitted = isReached;
      if (!isReached) watch();
    };
    const watch = (): void => {
      onReached = () => queueMicrotask(commitOnce);
    };
    watch();
    const saved: number[] = [];
    const resetting = volume.reset({ save: async (reader) => void saved.push(reader.version) });
    await expect(resetting).rejects.toMatchObject({ code: "busy" });
    expect(isCommitted).toBe(true);
    expect(saved).toEqual([]);
    expect(await readTags(volume)).toEqual([1]);
  });
});

describe("volumes made at the same time", () => {
  it("are all there after a restart", async () => {
    await using cluster = await startCluster(8);
    const disk = new SimulatedDisk({ random: new SeededRandom(8) });
    const directory = { path: "/data", fileSystem: disk };
    const client = await cluster.openClient({ directory });
    const volumes = await Promise.all([1, 2, 3].map(() => client.createVolume()));
    for (const [at, volume] of volumes.entries()) {
      commitPages(volume, { 1: at + 1 }, 1);
    }
    await Promise.all(volumes.map((one, at) => client.addTag(`tag-${at}`, one.volumeId)));
    await client.close();
    const again = await cluster.openClient({ directory });
    expect([...again.volumeIds].sort()).toEqual(volumes.map((one) => one.volumeId).sort());
    expect(again.tags.size).toBe(3);
    for (const [at, { volumeId }] of volumes.entries()) {
      expect(await readTags(await again.openVolume(volumeId))).toEqual([at + 1]);
    }
  });
});
