/** Replicas that keep themselves current, over the in-memory network. */
import type { Interceptor } from "@connectrpc/connect";
import { createNewsFeed, Runtime, type SyncPolicy, type Volume } from "@graft/client";
import { systemClock } from "@graft/core/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

const TIMEOUT_MS = 5_000;

/** Resolves when the claim holds. */
async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`it never came to be: ${holds}`);
    await systemClock.sleep(2);
  }
}

interface Client extends AsyncDisposable {
  readonly runtime: Runtime;
  /** Requests so far, without streams of news. */
  readonly requests: string[];
}

async function openClient(cluster: Cluster): Promise<Client> {
  const requests: string[] = [];
  const count: Interceptor = (next) => (request) => {
    if (request.method.name !== "Watch") requests.push(request.method.name);
    return next(request);
  };
  const remote = cluster.openRemote([count]);
  const { clock, random } = cluster;
  const newsFeed = createNewsFeed({ remote, clock, random });
  const runtime = await Runtime.open({ remote, clock, random, newsFeed });
  return { runtime, requests, [Symbol.asyncDispose]: () => runtime.close() };
}

async function openPair(
  cluster: Cluster,
  stack: AsyncDisposableStack,
  policy?: SyncPolicy,
): Promise<{ a: Volume; b: Volume; ofA: Client; ofB: Client }> {
  const ofA = stack.use(await openClient(cluster));
  const ofB = stack.use(await openClient(cluster));
  const a = await ofA.runtime.createVolume();
  commitPages(a, { 1: 1, 2: 2 }, 2);
  await a.push();
  const b = await ofB.runtime.openVolume(a.volumeId);
  await readTags(b);
  a.startSync(policy);
  b.startSync(policy);
  await until(() => [a, b].every((each) => each.status().sync?.connection === "live"));
  return { a, b, ofA, ofB };
}

describe("replicas that sync by themselves", () => {
  it("what one commits the other reads soon, with no request at all", async () => {
    await using stack = new AsyncDisposableStack();
    const cluster = stack.use(await Cluster.start());
    const { a, b, ofA, ofB } = await openPair(cluster, stack);
    ofA.requests.length = 0;
    ofB.requests.length = 0;
    commitPages(a, { 1: 10 }, 2);
    await until(() => b.status().remote.lsn === 2n);
    expect(await readTags(b)).toEqual([10, 2]);
    expect(ofA.requests).toEqual(["Commit"]);
    expect(ofB.requests).toEqual([]);
    expect(a.status()).toMatchObject({ state: "synced", lagMs: 0, local: { pending: 0 } });
    expect(b.status()).toMatchObject({ state: "synced", lagMs: 0, remote: { lsn: 2n } });
  });
});
