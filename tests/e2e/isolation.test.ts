import { SeededRandom } from "@graft/core/testing";
import { MemoryObjectStore } from "@graft/object-store";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

describe("objects", () => {
  it("of a volume all lie under its own prefix, and no two volumes share one", async () => {
    const store = new MemoryObjectStore();
    await using cluster = await Cluster.start({ store, random: new SeededRandom(1) });
    const client = await cluster.openClient();
    const ids: string[] = [];
    for (let at = 0; at < 3; at++) {
      const volume = await client.createVolume();
      const tags = Object.fromEntries(
        Array.from({ length: 100 }, (_, i) => [i + 1, at * 1000 + i]),
      );
      commitPages(volume, tags, 100);
      await volume.push();
      commitPages(volume, { 1: at + 1 }, 100);
      await volume.push();
      ids.push(volume.volumeId);
    }
    const keys: string[] = [];
    for await (const object of store.list("")) keys.push(object.key);
    expect(keys.length).toBeGreaterThan(9);
    for (const key of keys)
      expect(ids.filter((id) => key.startsWith(`volumes/${id}/`))).toHaveLength(1);
  });

  it("are never listed by a commit, a pull or a read", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(2) });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1, 2: 2 }, 2);
    await a.push();
    await cluster.restartServices();
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    await readTags(b);
    commitPages(b, { 1: 2 }, 2);
    await b.push();
    await a.pull();
    expect(cluster.store.meter.snapshot().list.requests).toBe(0);
  });
});

describe("stored corruption", () => {
  it.each(["log", "segments"])("of an object under %s is named and never served", async (kind) => {
    const store = new MemoryObjectStore();
    await using cluster = await Cluster.start({ store, random: new SeededRandom(3) });
    const a = await (await cluster.openClient()).createVolume();
    const tags = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [at + 1, at + 1]));
    commitPages(a, tags, 64);
    await a.push();
    for await (const { key } of store.list(`volumes/${a.volumeId}/${kind}`)) {
      const object = await store.get(key);
      if (object === undefined) throw new Error(`${key} is missing`);
      const bytes = object.bytes.slice();
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x40;
      await store.put(key, bytes);
    }
    await cluster.restartServices();
    const read = (async () => {
      const b = await (await cluster.openClient()).openVolume(a.volumeId);
      return readTags(b);
    })();
    await expect(read).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining(`volumes/${a.volumeId}/${kind}`),
    });
  });
});
