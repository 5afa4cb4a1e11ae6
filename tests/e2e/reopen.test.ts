import { SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

describe("a replica on a disk", () => {
  it.each([1, 5, 63, 64, 500])("keeps what it fetched across a close: %i pages", async (count) => {
    await using cluster = await Cluster.start();
    const tags = Object.fromEntries(Array.from({ length: count }, (_, at) => [at + 1, at + 1]));
    const origin = await (await cluster.openClient()).createVolume();
    commitPages(origin, tags, count);
    await origin.push();
    const directory = { path: "/replica", fileSystem: new SimulatedDisk() };
    const first = await cluster.openClient({ directory });
    await (await first.openVolume(origin.volumeId)).hydrate();
    await first.close();
    const second = await cluster.openClient({ directory });
    const volume = await second.openVolume(origin.volumeId);
    expect(volume.status().cached.pages).toBe(count);
    await cluster.stopServices();
    expect(await readTags(volume)).toEqual(Object.values(tags));
  });
});
