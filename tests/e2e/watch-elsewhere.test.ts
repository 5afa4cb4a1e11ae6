/** News where a server goes away in order, and where the network does not stream. */
import { createNewsFeed, type Volume } from "@graft/client";
import { openNodeRemote, shareNewsFeed } from "@graft/client/node";
import { systemClock, systemRandom } from "@graft/core/node";
import { MemoryObjectStore } from "@graft/object-store";
import { describe, expect, it } from "vitest";
import { BufferingProxy } from "../harness/buffering-proxy.ts";
import { Cluster } from "../harness/cluster.ts";
import { FaultProxy } from "../harness/fault-proxy.ts";
import { NewsFollower } from "../harness/news-follower.ts";
import { commitPages } from "../harness/pages.ts";
import { until } from "../harness/until.ts";

const MEANS = { clock: systemClock, random: systemRandom, heartbeatMs: 1000 };

let tag = 0;
async function commit(volume: Volume): Promise<void> {
  commitPages(volume, { 1: ++tag }, 1);
  await volume.push();
}

async function createVolume(cluster: Cluster): Promise<Volume> {
  const volume = await (await cluster.openClient()).createVolume();
  await commit(volume);
  return volume;
}

function isCurrent(follower: NewsFollower, volume: Volume): boolean {
  return follower.lsn() === volume.status().remote.lsn;
}

describe.concurrent("a server that is told to stop", () => {
  it("sends its streams elsewhere: they are live there long before it has stopped", async () => {
    const store = new MemoryObjectStore();
    await using first = await Cluster.start({ network: "tcp", store });
    await using second = await Cluster.start({ network: "tcp", store });
    let target = first.url;
    await using balancer = await FaultProxy.start({ target: () => target });
    const remote = openNodeRemote({ url: balancer.url });
    const feed = createNewsFeed({ ...MEANS, remote });
    const volume = await createVolume(first);
    const { volumeId } = volume;
    const follower = new NewsFollower(volumeId, remote, volume.status().remote.lsn);
    feed.subscribe(follower);
    await until(() => follower.isLive);

    target = second.url;
    const askedMs = systemClock.monotonicMs();
    const stopped = first.drainServices(5_000);
    await until(() => follower.liveCount === 2);
    expect(systemClock.monotonicMs() - askedMs).toBeLessThan(1_000);
    const other = await (await second.openClient()).openVolume(volumeId);
    commitPages(other, { 1: ++tag }, 1);
    await other.push();
    await until(() => isCurrent(follower, other));
    expect(follower.pullCount).toBe(0);
    await stopped;
    // Nothing held it up: the stream did not stay.
    expect(systemClock.monotonicMs() - askedMs).toBeLessThan(4_000);
    await feed.close();
    await remote.close();
  });
});

describe.concurrent("behind a proxy that holds answers back until they are whole", () => {
  it("news come by long-poll: soon, one request at a time, and without a pull", async () => {
    await using cluster = await Cluster.start({ network: "tcp" });
    await using proxy = await BufferingProxy.start(cluster.url ?? "");
    const remote = openNodeRemote({ url: proxy.url, httpVersion: "1.1" });
    const feed = createNewsFeed({ ...MEANS, remote, answerMs: 500 });
    const volumes = [await createVolume(cluster), await createVolume(cluster)];
    const followers = volumes.map(
      (volume) => new NewsFollower(volume.volumeId, remote, volume.status().remote.lsn),
    );
    for (const follower of followers) feed.subscribe(follower);
    await until(() => followers.every((follower) => follower.isLive), 3_000);

    const current = (): boolean =>
      followers.every((follower, at) => {
        const volume = volumes[at];
        return volume !== undefined && isCurrent(follower, volume);
      });
    for (let round = 0; round < 10; round++) {
      for (const volume of volumes) await commit(volume);
      await until(current, 1_000);
    }
    const requests = remote.traffic().requests;
    await systemClock.sleep(2_500);
    // The poll that waits, and the trial of a stream that goes with it.
    expect(remote.traffic().requests - requests).toBeLessThanOrEqual(2);
    expect(followers.map((one) => [one.pullCount, one.liveCount])).toEqual([
      [0, 1],
      [0, 1],
    ]);
    await feed.close();
    await remote.close();
  });
});

describe.concurrent("feeds of one process for one server and token", () => {
  it("are one stream on one connection, until the last of them is closed", async () => {
    await using cluster = await Cluster.start({ network: "tcp" });
    await using proxy = await FaultProxy.start({ target: () => cluster.url });
    const volume = await createVolume(cluster);
    const feeds = Array.from({ length: 20 }, () => shareNewsFeed({ url: proxy.url }));
    const pulls = cluster.openRemote();
    const followers = feeds.map((feed) => {
      const follower = new NewsFollower(volume.volumeId, pulls, volume.status().remote.lsn);
      feed.subscribe(follower);
      return follower;
    });
    const [first, ...rest] = feeds;
    const [left, ...others] = followers;
    await until(() => followers.every((follower) => follower.isLive));
    await first?.close();
    await commit(volume);
    await until(() => others.every((follower) => isCurrent(follower, volume)));
    expect(left?.newsCount).toBe(0);
    expect(proxy.acceptedCount).toBe(1);
    const stranger = shareNewsFeed({ url: proxy.url, token: "another" });
    const strange = new NewsFollower(volume.volumeId, pulls, volume.status().remote.lsn);
    stranger.subscribe(strange);
    await until(() => strange.isLive);
    expect(proxy.acceptedCount).toBe(2);
    for (const feed of [...rest, stranger]) await feed.close();
    const again = shareNewsFeed({ url: proxy.url });
    again.subscribe(new NewsFollower(volume.volumeId, pulls));
    await until(() => proxy.acceptedCount === 3);
    await again.close();
    await pulls.close();
  });
});
