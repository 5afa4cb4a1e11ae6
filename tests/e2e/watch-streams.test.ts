/** News over real sockets, through everything that happens to a connection. */
import {
  createConnectRemote,
  createNewsFeed,
  type NewsFeed,
  type NewsFeedOptions,
  type Remote,
  type Volume,
} from "@graft/client";
import { openNodeRemote } from "@graft/client/node";
import { type Clock, createVolumeId } from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { createClients } from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { FaultProxy } from "../harness/fault-proxy.ts";
import { NewsFollower } from "../harness/news-follower.ts";
import { commitPages } from "../harness/pages.ts";
import { until } from "../harness/until.ts";

const sleep = (ms: number): Promise<void> => systemClock.sleep(ms);

/** A cluster behind a bad network, one volume, and a feed that knows only the network's address. */
class Stage implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly proxy: FaultProxy;
  readonly remote: Remote & { traffic?(): { bytesUp: number; bytesDown: number } };
  readonly feed: NewsFeed;

  private constructor(cluster: Cluster, proxy: FaultProxy, options: Partial<NewsFeedOptions> = {}) {
    this.cluster = cluster;
    this.proxy = proxy;
    this.remote = openNodeRemote({ url: proxy.url });
    const means = { clock: systemClock, random: systemRandom, heartbeatMs: 1000 };
    this.feed = createNewsFeed({ ...means, remote: this.remote, ...options });
  }

  static async start(
    options: Partial<NewsFeedOptions> & { idleMsMax?: number } = {},
  ): Promise<Stage> {
    const { idleMsMax, ...rest } = options;
    const cluster = await Cluster.start({ network: "tcp" });
    const proxy = await FaultProxy.start({
      target: () => cluster.url,
      ...(idleMsMax !== undefined && { idleMsMax }),
    });
    return new Stage(cluster, proxy, rest);
  }

  /** A volume with a commit, made behind the network's back. */
  async createVolume(): Promise<Volume> {
    const volume = await (await this.cluster.openClient()).createVolume();
    await commit(volume);
    return volume;
  }

  follow(volume: Pick<Volume, "volumeId"> & Partial<Volume>): NewsFollower {
    const lsn = volume.status?.().remote.lsn;
    const follower = new NewsFollower(volume.volumeId, this.remote, lsn);
    this.feed.subscribe(follower);
    return follower;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.feed.close();
    await this.remote.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }
}

let tag = 0;
async function commit(volume: Volume): Promise<void> {
  commitPages(volume, { 1: ++tag }, 1);
  await volume.push();
}

async function untilCurrent(follower: NewsFollower, volume: Volume, ms?: number): Promise<void> {
  await until(() => follower.lsn() === volume.status().remote.lsn, ms);
}

describe.concurrent("a stream of news", () => {
  it("held for long outlives deadlines and pings; a heartbeat costs 16 bytes", async () => {
    await using stage = await Stage.start();
    const transport = createNodeTransport({
      baseUrl: stage.proxy.url,
      clock: systemClock,
      timeoutMs: 500,
      pingIntervalMs: 300,
    });
    const remote = createConnectRemote({
      name: "impatient",
      clients: createClients(transport.transport),
      compute: nodeCompute,
      close: async () => transport.close(),
    });
    const means = { clock: systemClock, random: systemRandom, heartbeatMs: 1000 };
    const feed = createNewsFeed({ ...means, remote });
    const volume = await stage.createVolume();
    const impatient = new NewsFollower(volume.volumeId, remote, volume.status().remote.lsn);
    feed.subscribe(impatient);
    const patient = stage.follow(volume);
    await until(() => impatient.isLive && patient.isLive);
    await sleep(300);
    const before = stage.remote.traffic?.();
    await sleep(5_000);
    const after = stage.remote.traffic?.();
    await commit(volume);
    await untilCurrent(impatient, volume);
    expect([impatient.liveCount, impatient.pullCount]).toEqual([1, 0]);
    const bytes = (after?.bytesDown ?? 0) - (before?.bytesDown ?? 0);
    expect(bytes).toBeGreaterThanOrEqual(4 * 16);
    expect(bytes).toBeLessThanOrEqual(6 * 16);
    await feed.close();
    await remote.close();
  });

  it("that is cut when it is silent asks for heartbeats in time, and is cut no more", async () => {
    await using stage = await Stage.start({ idleMsMax: 2_500, heartbeatMs: 15_000 });
    const volume = await stage.createVolume();
    const follower = stage.follow(volume);
    await until(() => follower.liveCount === 3, 12_000);
    await sleep(4_000);
    expect([follower.isLive, follower.liveCount]).toEqual([true, 3]);
    await commit(volume);
    await untilCurrent(follower, volume);
    expect(follower.pullCount).toBe(0);
  });

  it("is opened anew when the machine has slept", async () => {
    let sleptMs = 0;
    const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + sleptMs };
    await using stage = await Stage.start({ clock, heartbeatMs: 60_000 });
    const volume = await stage.createVolume();
    const follower = stage.follow(volume);
    await until(() => follower.isLive);
    // What the network did meanwhile: the server's side of the connection is gone.
    stage.proxy.inject("half-open", 0);
    await commit(volume);
    sleptMs = 3_600_000;
    await untilCurrent(follower, volume, 7_000);
    await until(() => follower.isLive);
    expect(follower.pullCount).toBe(0);
  });

  it("is taken up where it was when servers restart", async () => {
    await using stage = await Stage.start();
    const volume = await stage.createVolume();
    const follower = stage.follow(volume);
    for (let round = 1; round <= 3; round++) {
      await until(() => follower.isLive && follower.liveCount === round);
      await stage.cluster.stopServices();
      await until(() => !follower.isLive);
      await sleep(100);
      await stage.cluster.startServices();
      await commit(volume);
      await untilCurrent(follower, volume);
    }
  });

  it("tells of 1,000 volumes, and each commit to the one that it concerns", async () => {
    await using stage = await Stage.start();
    const volumes: Volume[] = [];
    for (let at = 0; at < 20; at++) volumes.push(await stage.createVolume());
    const followers = volumes.map((volume) => stage.follow(volume));
    const ids = { clock: systemClock, random: systemRandom };
    const others = Array.from({ length: 980 }, () =>
      stage.follow({ volumeId: createVolumeId(ids) }),
    );
    await until(() => [...followers, ...others].every((one) => one.isLive));
    for (const volume of volumes) await commit(volume);
    for (const [at, follower] of followers.entries()) {
      const volume = volumes[at];
      if (volume !== undefined) await untilCurrent(follower, volume);
      expect([follower.newsCount, follower.pullCount, follower.liveCount]).toEqual([1, 0, 1]);
    }
    expect(others.every((one) => one.newsCount === 0 && one.end === undefined)).toBe(true);
    expect(stage.proxy.acceptedCount).toBe(1);
  });

  it("misses nothing while connections are cut, stall and die, and says when it might", async () => {
    await using stage = await Stage.start();
    const volumes: Volume[] = [];
    for (let at = 0; at < 4; at++) volumes.push(await stage.createVolume());
    const followers = volumes.map((volume) => stage.follow(volume));
    const endMs = systemClock.monotonicMs() + 8_000;
    const faults = (["cut", "stall", "lost answers", "half-open", "delay"] as const).values();
    let nextFaultMs = 0;
    while (systemClock.monotonicMs() < endMs) {
      for (const volume of volumes) await commit(volume);
      if (systemClock.monotonicMs() > nextFaultMs) {
        const { value } = faults.next();
        if (value !== undefined) stage.proxy.inject(value, 300);
        nextFaultMs = systemClock.monotonicMs() + 1_500;
      }
      await sleep(20);
    }
    for (const [at, follower] of followers.entries()) {
      const volume = volumes[at];
      if (volume !== undefined) await untilCurrent(follower, volume);
      await until(() => follower.isLive);
      expect(follower.liveCount).toBeGreaterThan(2);
    }
  });
});
