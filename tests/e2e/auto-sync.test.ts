/** Replicas that keep themselves current, over the in-memory network. */
import type { Interceptor } from "@connectrpc/connect";
import { createNewsFeed, Runtime, type SyncPolicy, type Volume } from "@graft/client";
import { systemClock } from "@graft/core/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags, readTagsOf } from "../harness/pages.ts";

const TIMEOUT_MS = 20_000;

/** Resolves when the claim holds. */
async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`it never came to be: ${holds}`);
    await systemClock.sleep(2);
  }
}

/** What happens to a client's requests. */
type Fault = (send: () => Promise<unknown>, signal: AbortSignal) => Promise<unknown>;

/** No answer ever comes. */
const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

interface Client extends AsyncDisposable {
  readonly runtime: Runtime;
  /** Requests so far, without streams of news. */
  readonly requests: string[];
  fault: Fault | undefined;
}

interface ClientOptions {
  /** Default true. */
  readonly hasFeed?: boolean;
}

async function openClient(cluster: Cluster, options: ClientOptions = {}): Promise<Client> {
  const requests: string[] = [];
  const watched: Interceptor = (next) => async (request) => {
    const { name } = request.method;
    if (name === "Watch") return await next(request);
    requests.push(name);
    if (client.fault === undefined) return await next(request);
    const answer = await client.fault(() => next(request), request.signal);
    return answer as Awaited<ReturnType<typeof next>>;
  };
  const remote = cluster.openRemote([watched]);
  const { clock, random } = cluster;
  const newsFeed = createNewsFeed({ remote, clock, random });
  const hasFeed = options.hasFeed ?? true;
  const runtime = await Runtime.open({ remote, clock, random, ...(hasFeed && { newsFeed }) });
  const client: Client = {
    runtime,
    requests,
    fault: undefined,
    [Symbol.asyncDispose]: () => runtime.close(),
  };
  return client;
}

function isLive(volume: Volume): boolean {
  return volume.status().sync?.connection === "live";
}

interface Pair {
  readonly a: Volume;
  readonly b: Volume;
  readonly ofA: Client;
  readonly ofB: Client;
}

/** Two clients of one volume of two pages, which both have; live. */
async function openPair(
  cluster: Cluster,
  stack: AsyncDisposableStack,
  policy?: SyncPolicy,
): Promise<Pair> {
  const ofA = stack.use(await openClient(cluster));
  const ofB = stack.use(await openClient(cluster));
  const a = await ofA.runtime.createVolume();
  commitPages(a, { 1: 1, 2: 2 }, 2);
  await a.push();
  const b = await ofB.runtime.openVolume(a.volumeId);
  await readTags(b);
  a.startSync(policy);
  b.startSync(policy);
  await until(() => isLive(a) && isLive(b));
  ofA.requests.length = 0;
  ofB.requests.length = 0;
  return { a, b, ofA, ofB };
}

/** Both commit on one base, A is first. */
async function commitBoth({ a, b, ofB }: Pick<Pair, "a" | "b" | "ofB">): Promise<void> {
  const gate = Promise.withResolvers<void>();
  ofB.fault = async (send) => {
    await gate.promise;
    return await send();
  };
  commitPages(b, { 1: 200 }, 2);
  commitPages(a, { 1: 100 }, 2);
  await until(() => a.status().remote.lsn === 2n);
  ofB.fault = undefined;
  gate.resolve();
}

describe("replicas that sync by themselves", () => {
  let stack: AsyncDisposableStack;
  let cluster: Cluster;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    cluster = stack.use(await Cluster.start());
  });
  afterEach(() => stack.disposeAsync());

  it("what one commits the other reads soon, with no request at all", async () => {
    const { a, b, ofA, ofB } = await openPair(cluster, stack);
    commitPages(a, { 1: 10 }, 2);
    await until(() => b.status().remote.lsn === 2n);
    expect(await readTags(b)).toEqual([10, 2]);
    expect(ofA.requests).toEqual(["Commit"]);
    expect(ofB.requests).toEqual([]);
    await until(() => a.status().state === "synced");
    expect(a.status()).toMatchObject({ lagMs: 0, local: { pending: 0 } });
    expect(b.status()).toMatchObject({ state: "synced", lagMs: 0, remote: { lsn: 2n } });
  });

  it("a lazy one is told what changed, and fetches it when it is read", async () => {
    const { a, b, ofB } = await openPair(cluster, stack, { pages: "lazy" });
    commitPages(a, { 1: 10 }, 2);
    await until(() => b.status().remote.lsn === 2n);
    expect(ofB.requests).toEqual([]);
    expect(await readTags(b)).toEqual([10, 2]);
    expect(ofB.requests).toEqual(["ReadPages"]);
  });

  it("a full one has every page before anybody reads it, large commits too", async () => {
    const { a } = await openPair(cluster, stack);
    const ofC = stack.use(await openClient(cluster));
    const c = await ofC.runtime.openVolume(a.volumeId);
    c.startSync({ pages: "full" });
    await until(() => c.status().cached.pages === 2 && isLive(c));
    const large = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [at + 1, at + 1]));
    commitPages(a, large, 100);
    await until(() => c.status().cached.pages === 100);
    ofC.requests.length = 0;
    expect(await readTags(c)).toEqual(Object.values(large));
    expect(ofC.requests).toEqual([]);
  });

  it("commits that come while a push is under way go together in the next", async () => {
    const { a, b, ofA } = await openPair(cluster, stack);
    const gate = Promise.withResolvers<void>();
    ofA.fault = async (send) => {
      await gate.promise;
      return await send();
    };
    commitPages(a, { 1: 100 }, 2);
    await until(() => ofA.requests.length === 1);
    for (let tag = 101; tag < 120; tag++) commitPages(a, { 1: tag }, 2);
    gate.resolve();
    await until(() => b.status().remote.lsn === 3n);
    expect(await readTags(b)).toEqual([119, 2]);
    expect(ofA.requests).toEqual(["Commit", "Commit"]);
  });

  it("commits are gathered for as long as they may wait", async () => {
    const { a, b, ofA } = await openPair(cluster, stack, { pushDelayMs: 150 });
    for (let tag = 1; tag < 10; tag++) {
      commitPages(a, { 1: tag }, 2);
      await systemClock.sleep(5);
    }
    expect(ofA.requests).toEqual([]);
    await until(() => b.status().remote.lsn === 2n);
    expect(ofA.requests).toEqual(["Commit"]);
    expect(await readTags(b)).toEqual([9, 2]);
  });

  it("a push whose answer is lost is settled by the news of it, and not repeated", async () => {
    const { a, b, ofA } = await openPair(cluster, stack);
    ofA.fault = async (send, signal) => {
      await send();
      return await hang(signal);
    };
    commitPages(a, { 1: 5 }, 2);
    await until(() => b.status().remote.lsn === 2n);
    await until(() => a.status().state === "synced");
    expect(ofA.requests).toEqual(["Commit"]);
    expect(a.status()).toMatchObject({ remote: { lsn: 2n }, lastError: undefined });
    ofA.fault = undefined;
    commitPages(a, { 1: 6 }, 2);
    await until(() => b.status().remote.lsn === 3n);
    expect(await readTags(b)).toEqual([6, 2]);
  });

  it("news waits for an open write transaction to end, and a reader keeps its snapshot", async () => {
    const { a, b } = await openPair(cluster, stack);
    const reader = b.openReader();
    const writer = b.openWriter();
    commitPages(a, { 1: 7 }, 2);
    await until(() => a.status().remote.lsn === 2n);
    await systemClock.sleep(50);
    expect(b.status().remote.lsn).toBe(1n);
    expect(b.status().lagMs).toBeGreaterThan(10);
    writer?.rollback();
    await until(() => b.status().remote.lsn === 2n);
    expect(await readTagsOf(reader)).toEqual([1, 2]);
    reader.close();
    expect(await readTags(b)).toEqual([7, 2]);
  });

  it("without a stream changes are asked for, again and again", async () => {
    const ofA = stack.use(await openClient(cluster, { hasFeed: false }));
    const ofB = stack.use(await openClient(cluster, { hasFeed: false }));
    const a = await ofA.runtime.createVolume();
    a.startSync();
    commitPages(a, { 1: 1 }, 1);
    await a.waitForPushed();
    const b = await ofB.runtime.openVolume(a.volumeId);
    b.startSync();
    await until(() => b.status().sync?.connection === "polling");
    commitPages(a, { 1: 2 }, 1);
    await until(() => b.status().remote.lsn === 2n);
    expect(await readTags(b)).toEqual([2]);
    expect(b.status().lagMs).toBeDefined();
  });

  it("whoever waits for a commit has it some milliseconds after it was pushed", async () => {
    const { a, b, ofB } = await openPair(cluster, stack);
    for (let tag = 2; tag < 12; tag++) {
      commitPages(a, { 1: tag }, 2);
      const lsn = await a.waitForPushed();
      expect(lsn).toBe(BigInt(tag));
      if (lsn !== undefined) await b.waitForRemote(lsn);
      expect(await readTags(b)).toEqual([tag, 2]);
    }
    expect(ofB.requests).toEqual([]);
  });

  it("a divergence rests until somebody ends it, and then syncing goes on by itself", async () => {
    const { a, b, ofB } = await openPair(cluster, stack);
    await commitBoth({ a, b, ofB });
    await until(() => b.status().state === "diverged");
    await expect(b.waitForPushed()).rejects.toMatchObject({ code: "diverged" });
    commitPages(b, { 2: 201 }, 2);
    const before = ofB.requests.length;
    await systemClock.sleep(300);
    expect(ofB.requests.length).toBe(before);
    expect(await readTags(b)).toEqual([200, 201]);
    await b.reset();
    commitPages(b, { 2: 300 }, 2);
    await until(() => a.status().remote.lsn === 3n);
    expect(await readTags(a)).toEqual([100, 300]);
  });

  it("what becomes of a divergence is asked once, and what it leaves is pushed", async () => {
    let asked = 0;
    const pair: { b?: Volume } = {};
    const onDiverged = async (): Promise<void> => {
      asked++;
      await pair.b?.reset();
      if (pair.b !== undefined) commitPages(pair.b, { 2: 999 }, 2);
    };
    const { a, b, ofB } = await openPair(cluster, stack, { onDiverged });
    pair.b = b;
    await commitBoth({ a, b, ofB });
    await until(() => a.status().remote.lsn === 3n);
    expect(await readTags(a)).toEqual([100, 999]);
    expect(asked).toBe(1);
  });

  it("a volume whose requests hang delays no other one", async () => {
    const { a, b, ofA } = await openPair(cluster, stack);
    const others: Volume[] = [];
    for (let at = 0; at < 20; at++) {
      const other = await ofA.runtime.createVolume();
      other.startSync();
      others.push(other);
    }
    // All requests hang but those of one volume: the others hold no place that it needs.
    let isOpen = false;
    ofA.fault = (send, signal) => (isOpen ? send() : hang(signal));
    for (const other of others) commitPages(other, { 1: 1 }, 1);
    await until(() => ofA.requests.length === others.length);
    isOpen = true;
    commitPages(a, { 1: 77 }, 2);
    await until(() => b.status().remote.lsn === 2n);
  });

  it("an error that nobody foresaw shows in the status, and the loop goes on", async () => {
    const { a, b } = await openPair(cluster, stack);
    const errors: string[] = [];
    b.on("error", (error) => errors.push(error.code));
    b.on("remote", () => {
      throw new Error("a listener of the application");
    });
    commitPages(a, { 1: 7 }, 2);
    await until(() => b.status().remote.lsn === 2n);
    commitPages(a, { 1: 8 }, 2);
    await until(() => b.status().remote.lsn === 3n);
    expect(errors).toContain("internal");
  });

  it("a thousand volumes of one process hear what each is told, and push side by side", async () => {
    const count = 1_000;
    const [ofA, ofB] = [stack.use(await openClient(cluster)), stack.use(await openClient(cluster))];
    const mine: Volume[] = [];
    const theirs: Volume[] = [];
    for (let at = 0; at < count; at++) {
      const volume = await ofA.runtime.createVolume();
      volume.startSync();
      commitPages(volume, { 1: 1 }, 1);
      mine.push(volume);
    }
    await Promise.all(mine.map((volume) => volume.waitForPushed()));
    for (const { volumeId } of mine) theirs.push(await ofB.runtime.openVolume(volumeId));
    for (const volume of theirs) volume.startSync();
    await until(() => theirs.every(isLive));
    ofB.requests.length = 0;
    for (const [at, volume] of mine.entries()) commitPages(volume, { 1: at + 2 }, 1);
    await until(() => theirs.every((volume) => volume.status().remote.lsn === 2n));
    for (const [at, volume] of theirs.entries()) expect(await readTags(volume)).toEqual([at + 2]);
    expect(ofB.requests).toEqual([]);
  }, 60_000);
});
