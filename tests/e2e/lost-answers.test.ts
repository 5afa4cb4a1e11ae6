import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { GraftError } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { MemoryObjectStore } from "@graft/object-store";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

/**
 * Loses what is said at the n-th commit: before it is sent, or after it was carried out. Or it is
 * refused, for a reason that says nothing of what became of an earlier one.
 */
function loseCommits(
  plan: readonly ("before" | "after" | "refused" | "pass")[],
): Interceptor & { seen: number } {
  const state = { seen: 0 };
  const interceptor: Interceptor = (next) => async (request) => {
    if (request.method.name !== "Commit") return next(request);
    const what = plan[state.seen++] ?? "pass";
    if (what === "before") throw new GraftError("unavailable", "the request was lost");
    if (what === "refused") throw new ConnectError("no such field", Code.InvalidArgument);
    const answer = await next(request);
    if (what === "after") throw new GraftError("unavailable", "the answer was lost");
    return answer;
  };
  return Object.defineProperty(interceptor, "seen", { get: () => state.seen }) as Interceptor & {
    seen: number;
  };
}

async function startCluster(seed: number): Promise<Cluster> {
  return Cluster.start({
    network: "memory",
    clock: new SimulatedClock({ mode: "auto" }),
    random: new SeededRandom(seed),
  });
}

describe("a lost answer", () => {
  it("is no answer: the same commit is sent again and applied once", async () => {
    await using cluster = await startCluster(1);
    const faults = loseCommits(["after", "after", "pass"]);
    const a = await (await cluster.openClient({ interceptors: [faults] })).createVolume();
    commitPages(a, { 1: 1 }, 1);
    expect(await a.push()).toMatchObject({ kind: "pushed", lsn: 1n });
    expect(faults.seen).toBe(3);
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(b.status().remote.lsn).toBe(1n);
  });

  it("leaves the outcome unknown; the next push finds out, and sends what came after", async () => {
    await using cluster = await startCluster(2);
    const faults = loseCommits(["after", "before", "before", "before"]);
    const a = await (await cluster.openClient({ interceptors: [faults] })).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await expect(a.push()).rejects.toMatchObject({ code: "unavailable" });
    expect(a.status().state).toBe("unknown");
    commitPages(a, { 1: 2 }, 1);
    expect(await a.push()).toMatchObject({ kind: "pushed", lsn: 2n, commitCount: 2 });
    expect(a.status()).toMatchObject({ state: "synced", local: { pending: 0 } });
  });

  it("while it is missing nothing is pulled; afterwards a stale base diverges", async () => {
    await using cluster = await startCluster(3);
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const faults = loseCommits(["before", "before", "before", "before"]);
    const b = await (await cluster.openClient({ interceptors: [faults] })).openVolume(a.volumeId);
    await readTags(b);
    commitPages(b, { 1: 2 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "unavailable" });
    commitPages(a, { 1: 3 }, 1);
    await a.push();
    await expect(b.pull()).rejects.toMatchObject({ code: "diverged" });
    expect(await readTags(b)).toEqual([2]);
  });

  it("then another client's commit, then a reset: ours is found to have landed", async () => {
    await using cluster = await startCluster(4);
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const faults = loseCommits(["after", "before", "before", "before"]);
    const b = await (await cluster.openClient({ interceptors: [faults] })).openVolume(a.volumeId);
    await readTags(b);
    commitPages(b, { 1: 2 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "unavailable" });
    await a.pull();
    expect(await readTags(a)).toEqual([2]);
    commitPages(a, { 1: 3 }, 1);
    await a.push();
    expect(await b.reset()).toMatchObject({ lsn: 3n, discardedCommitCount: 0 });
    expect(await readTags(b)).toEqual([3]);
  });

  it("and a repetition that is refused for good: what took the LSN before the fence was ours", async () => {
    await using cluster = await startCluster(13);
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const faults = loseCommits(["after", "before", "before", "before", "refused"]);
    const b = await (await cluster.openClient({ interceptors: [faults] })).openVolume(a.volumeId);
    await readTags(b);
    commitPages(b, { 1: 2 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "unavailable" });
    commitPages(b, { 1: 3 }, 1);
    expect(await b.reset()).toMatchObject({ lsn: 2n, discardedCommitCount: 1 });
    expect(faults.seen).toBe(6);
    expect(await readTags(b)).toEqual([2]);
  });

  it("of a restarted service changes nothing: the record answers", async () => {
    await using cluster = await startCluster(5);
    const faults = loseCommits(["after", "before", "before", "before"]);
    const a = await (await cluster.openClient({ interceptors: [faults] })).createVolume();
    commitPages(a, { 1: 1, 2: 2 }, 2);
    await expect(a.push()).rejects.toMatchObject({ code: "unavailable" });
    await cluster.restartServices();
    expect(await a.push()).toMatchObject({ kind: "pushed", lsn: 1n });
    expect(a.status()).toMatchObject({ state: "synced", local: { pending: 0 } });
  });
});

/** The first push gets no answer, landed or not; then the right to write is taken away. */
function loseThenForbid(landed: boolean): Interceptor {
  let seen = 0;
  return (next) => async (request) => {
    if (request.method.name !== "Commit") return next(request);
    if (++seen > 4) throw new ConnectError("this token may only read", Code.PermissionDenied);
    if (landed && seen === 1) await next(request);
    throw new GraftError("unavailable", "the answer was lost");
  };
}

describe("a lost answer, and no right to write any more: reset reads what became of it", () => {
  /** Two commits pend: one of the lost push, one after it. */
  async function loseOne(cluster: Cluster, landed: boolean) {
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const interceptors = [loseThenForbid(landed)];
    const b = await (await cluster.openClient({ interceptors })).openVolume(a.volumeId);
    await readTags(b);
    commitPages(b, { 1: 2 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "unavailable" });
    return { a, b };
  }

  it("it landed", async () => {
    await using cluster = await startCluster(6);
    const { b } = await loseOne(cluster, true);
    const save = (): Promise<void> => Promise.reject(new Error("there is nothing to save"));
    expect(await b.reset({ save })).toMatchObject({ lsn: 2n, discardedCommitCount: 0 });
    expect(await readTags(b)).toEqual([2]);
  });

  it("another client was first", async () => {
    await using cluster = await startCluster(7);
    const { a, b } = await loseOne(cluster, false);
    commitPages(a, { 1: 3 }, 1);
    await a.push();
    const notes: (string | undefined)[] = [];
    const save = async (_: unknown, note: string | undefined): Promise<void> => {
      notes.push(note);
    };
    expect(await b.reset({ save })).toMatchObject({ lsn: 2n, discardedCommitCount: 1 });
    expect(notes).toEqual([undefined]);
    expect(await readTags(b)).toEqual([3]);
  });

  it("nobody knows: it is saved as such, and if it lands later it is pulled", async () => {
    await using cluster = await startCluster(8);
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const released = Promise.withResolvers<void>();
    let late: Promise<unknown> | undefined;
    let seen = 0;
    const delays: Interceptor = (next) => async (request) => {
      if (request.method.name !== "Commit") return next(request);
      if (++seen > 4) throw new ConnectError("this token may only read", Code.PermissionDenied);
      // The first request is still on its way when everything else has been said.
      late ??= released.promise.then(() =>
        next({ ...request, signal: new AbortController().signal }),
      );
      throw new GraftError("unavailable", "the answer was lost");
    };
    const b = await (await cluster.openClient({ interceptors: [delays] })).openVolume(a.volumeId);
    await readTags(b);
    commitPages(b, { 1: 2 }, 1);
    await expect(b.push()).rejects.toMatchObject({ code: "unavailable" });
    const notes: (string | undefined)[] = [];
    const save = async (_: unknown, note: string | undefined): Promise<void> => {
      notes.push(note);
    };
    expect(await b.reset({ save })).toMatchObject({ lsn: 1n, discardedCommitCount: 1 });
    expect(notes).toEqual([expect.stringMatching(/^outcome unknown: \S+$/)]);
    expect(b.status()).toMatchObject({ state: "synced", local: { pending: 0 } });
    expect(await readTags(b)).toEqual([1]);
    released.resolve();
    await late;
    expect(await b.pull()).toMatchObject({ lsn: 2n });
    expect(await readTags(b)).toEqual([2]);
  });
});

describe("racing commits", () => {
  it.each([1, 2, 3])("of 16 clients on one base exactly one wins (seed %i)", async (seed) => {
    await using cluster = await Cluster.start({
      network: "tcp",
      store: new MemoryObjectStore(),
      random: new SeededRandom(seed),
    });
    const first = await (await cluster.openClient()).createVolume();
    commitPages(first, { 1: 1 }, 1);
    await first.push();
    const racers = await Promise.all(
      Array.from({ length: 16 }, async () =>
        (await cluster.openClient()).openVolume(first.volumeId),
      ),
    );
    for (const [at, racer] of racers.entries()) commitPages(racer, { 1: 100 + at }, 1);
    const outcomes = await Promise.allSettled(racers.map((racer) => racer.push()));
    const winners = outcomes.flatMap((one, at) => (one.status === "fulfilled" ? [at] : []));
    expect(winners).toHaveLength(1);
    for (const one of outcomes) {
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "diverged" });
    }
    await first.pull();
    expect(await readTags(first)).toEqual([100 + (winners[0] ?? -1)]);
  });
});
