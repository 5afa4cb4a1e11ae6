/** Idle costs nothing: no object-store request, and no client request beyond the stream. */
import type { Interceptor } from "@connectrpc/connect";
import { createNewsFeed, type NewsFeed, Runtime, type Volume } from "@graft/client";
import { systemClock } from "@graft/core/node";
import { SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

const REPLICAS = 100;
const IDLE_MS = 60_000;
/** A feed looks for a lost stream; a server that says nothing for so long has gone. */
const HEARTBEAT_MS = 15_000;

/** Lets time pass. */
type Pass = (ms: number) => Promise<void>;

interface Crowd extends AsyncDisposable {
  readonly volumes: readonly Volume[];
  /** Requests of all clients so far: streams are counted when they are opened. */
  readonly requests: string[];
}

/** Clients with ten replicas each, which all have the same ten volumes. */
async function openCrowd(cluster: Cluster): Promise<Crowd> {
  const stack = new AsyncDisposableStack();
  const requests: string[] = [];
  const count: Interceptor = (next) => (request) => {
    requests.push(request.method.name);
    return next(request);
  };
  const { clock, random } = cluster;
  const open = async (newsFeed?: NewsFeed): Promise<Runtime> => {
    const remote = cluster.openRemote([count]);
    const feed = newsFeed ?? createNewsFeed({ remote, clock, random, heartbeatMs: HEARTBEAT_MS });
    return stack.use(await Runtime.open({ remote, clock, random, newsFeed: feed }));
  };
  const writer = await open();
  const volumes: Volume[] = [];
  for (let at = 0; at < 10; at++) {
    const volume = await writer.createVolume();
    commitPages(volume, { 1: at + 1 }, 1);
    await volume.push();
    volumes.push(volume);
  }
  while (volumes.length < REPLICAS) {
    const client = await open();
    for (const { volumeId } of volumes.slice(0, 10)) {
      volumes.push(await client.openVolume(volumeId));
    }
  }
  for (const volume of volumes) volume.startSync();
  return { volumes, requests, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function stayIdle(cluster: Cluster, pass: Pass): Promise<void> {
  await using crowd = await openCrowd(cluster);
  const { volumes, requests } = crowd;
  const isLive = (volume: Volume): boolean => volume.status().sync?.connection === "live";
  for (let waits = 0; !volumes.every(isLive) && waits < 500; waits++) await pass(20);
  expect(volumes.filter(isLive)).toHaveLength(REPLICAS);
  await pass(1_000);
  requests.length = 0;
  const before = cluster.store.meter.requestCount;
  await pass(IDLE_MS);
  expect(requests).toEqual([]);
  expect(cluster.store.meter.requestCount - before).toBe(0);
  expect(volumes.map((volume) => volume.status().lagMs)).toEqual(volumes.map(() => 0));
  // It was idle, not dead.
  const [first] = volumes;
  if (first === undefined) throw new Error("there are volumes");
  commitPages(first, { 1: 1_000 }, 1);
  const same = volumes.filter(({ volumeId }) => volumeId === first.volumeId);
  const has = (volume: Volume): boolean => volume.status().remote.lsn === 2n;
  for (let waits = 0; !same.every(has) && waits < 500; waits++) await pass(5);
  for (const volume of same) expect(await readTags(volume)).toEqual([1_000]);
  // Nine have no page of it yet, and ask for none: it came with the news.
  expect(requests).toEqual(["Commit"]);
}

describe.concurrent(`${REPLICAS} idle replicas ask for nothing in ${IDLE_MS / 1000} s`, () => {
  it("of simulated time, over streams in memory", async () => {
    const clock = new SimulatedClock();
    await using cluster = await Cluster.start({ clock });
    await stayIdle(cluster, (ms) => clock.advance(ms));
  }, 60_000);

  it("of real time, over sockets", async () => {
    await using cluster = await Cluster.start({ network: "tcp" });
    await stayIdle(cluster, (ms) => systemClock.sleep(ms));
  }, 120_000);
});
