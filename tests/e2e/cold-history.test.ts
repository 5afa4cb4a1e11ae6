import type { Volume } from "@graft/client";
import { isGraftError, type Lsn, toLsn, type VolumeId } from "@graft/core";
import { nodeCompute, systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { decodeCommitRecord, encodeCommitRecord, logKey, volumePrefix } from "@graft/format";
import { MemoryObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

/** A volume of tagged pages: commit n writes page (n mod 50) + 1 with tag n. */
async function history(cluster: Cluster, count: number): Promise<VolumeId> {
  const volume = await (await cluster.openClient()).createVolume();
  for (let at = 1; at <= count; at++) {
    commitPages(volume, { [(at % 50) + 1]: at }, 51);
    await volume.push();
  }
  return volume.volumeId;
}

function tagsAfter(count: number): readonly number[] {
  const tags: number[] = new Array(51).fill(0);
  for (let at = 1; at <= count; at++) tags[at % 50] = at;
  return tags;
}

describe("a long history", () => {
  it("is pulled at the price of what changed by a node that knows nothing", async () => {
    const count = 400;
    await using cluster = await Cluster.start({ random: new SeededRandom(3) });
    const writer = await (await cluster.openClient()).createVolume();
    commitPages(writer, { 1: 1 }, 51);
    await writer.push();
    const reader = await (await cluster.openClient()).openVolume(writer.volumeId);
    for (let at = 2; at <= count; at++) {
      commitPages(writer, { [(at % 7) + 1]: at }, 51);
      await writer.push();
    }
    await cluster.restartServices();
    const before = cluster.store.meter.requestCount;
    expect(await reader.pull()).toMatchObject({ lsn: BigInt(count), changedPageCount: 7 });
    expect(cluster.store.meter.requestCount - before).toBeLessThanOrEqual(6);
  });

  it("with a newest record that has no tail index is read, pulled and continued", async () => {
    const count = 90;
    await using cluster = await Cluster.start({ random: new SeededRandom(4) });
    const volumeId = await history(cluster, count);
    await cluster.stopServices();
    await strip(cluster, volumeId, toLsn(BigInt(count)));
    await cluster.startServices();
    const volume = await (await cluster.openClient()).openVolume(volumeId);
    expect(await readTags(volume)).toEqual(tagsAfter(count));
    commitPages(volume, { 1: 1000 }, 51);
    await volume.push();
    await cluster.restartServices();
    const reader = await (await cluster.openClient()).openVolume(volumeId);
    expect(await readTags(reader)).toEqual([1000, ...tagsAfter(count).slice(1)]);
  });

  it.each([5, 6, 7])("is whole when its checkpoints fail at random (seed %i)", async (seed) => {
    const count = 300;
    const random = new SeededRandom(seed);
    const inner = new MemoryObjectStore();
    const store = new FaultyObjectStore(inner, [], random, systemClock);
    await using cluster = await Cluster.start({ store, random });
    const writer = await (await cluster.openClient()).createVolume();
    const prefix = `${volumePrefix(writer.volumeId)}checkpoints/`;
    const where = { prefix, operations: ["put", "create"] as const };
    store.setRules(
      { ...where, fault: { kind: "unavailable" }, probability: 0.4 },
      { ...where, fault: { kind: "reply-lost" }, probability: 0.4 },
    );
    for (let at = 1; at <= count; at++) {
      commitPages(writer, { [(at % 50) + 1]: at }, 51);
      await pushThroughWeather(writer);
      // The background gets its turns, and is cut off in the middle of some.
      if (at % 10 === 0) await systemClock.sleep(5);
      if (random.chance(0.02)) await cluster.restartServices();
    }
    expect(store.strikeCount).toBeGreaterThan(0);
    await cluster.restartServices();
    const reader = await (await cluster.openClient()).openVolume(writer.volumeId);
    expect(await readTags(reader)).toEqual(tagsAfter(count));
    const roots = (await Array.fromAsync(inner.list(prefix))).filter(({ key }) =>
      /^[0-9a-f]{16}$/.test(key.slice(prefix.length)),
    );
    expect(roots.length).toBeGreaterThan(0);
  });
});

/** A checkpoint that is overdue and fails refuses the commit: then it is sent again. */
async function pushThroughWeather(volume: Volume): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await volume.push();
      return;
    } catch (error) {
      if (!isGraftError(error, "unavailable") || attempt === 20) throw error;
    }
  }
}

/** Takes the tail index out of the newest record: legal, and what another writer may do. */
async function strip(cluster: Cluster, volumeId: VolumeId, lsn: Lsn): Promise<void> {
  const objectName = logKey(volumeId, lsn);
  const stored = await cluster.store.get(objectName);
  const record = decodeCommitRecord(stored?.bytes ?? new Uint8Array(0), nodeCompute, {
    objectName,
  });
  const { tailIndex, ...bare } = record;
  expect(tailIndex).toBeDefined();
  await cluster.store.put(objectName, encodeCommitRecord(bare, nodeCompute));
}
