import { GraftError } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags, readTagsOf } from "../harness/pages.ts";

describe.each(["memory", "tcp"] as const)("two clients over %s", (network) => {
  it("a pushed commit is what the other client pulls", async () => {
    await using cluster = await Cluster.start({ network, random: new SeededRandom(1) });
    const a = await cluster.openClient();
    const b = await cluster.openClient();
    const mine = await a.createVolume();
    commitPages(mine, { 1: 11, 2: 22, 3: 33 }, 3);
    expect(await mine.push()).toMatchObject({ kind: "pushed", lsn: 1n, commitCount: 1 });

    const theirs = await b.openVolume(mine.volumeId);
    expect(await readTags(theirs)).toEqual([11, 22, 33]);
    commitPages(mine, { 2: 222 }, 3);
    await mine.push();
    expect(await readTags(theirs)).toEqual([11, 22, 33]);
    expect(await theirs.pull()).toMatchObject({ lsn: 2n, changedPageCount: 1 });
    expect(await readTags(theirs)).toEqual([11, 222, 33]);
  });

  it("a page pushed by one, changed by the other and pulled back is the other's", async () => {
    await using cluster = await Cluster.start({ network, random: new SeededRandom(2) });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    await readTags(b);
    commitPages(b, { 1: 2 }, 1);
    await b.push();
    await a.pull();
    commitPages(a, { 2: 7 }, 2);
    expect(await readTags(a)).toEqual([2, 7]);
  });

  it("of two commits on one base the second is refused, kept, and given up only by reset", async () => {
    await using cluster = await Cluster.start({ network, random: new SeededRandom(3) });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    await readTags(b);
    commitPages(a, { 1: 100 }, 1);
    commitPages(b, { 1: 200, 2: 201 }, 2);
    await a.push();
    await expect(b.push()).rejects.toMatchObject({ code: "diverged" });
    expect(b.status()).toMatchObject({ state: "diverged", local: { pending: 1 } });
    expect(await readTags(b)).toEqual([200, 201]);
    commitPages(b, { 1: 202 }, 2);
    const pinned = b.openReader();
    let saved: readonly number[] = [];
    const result = await b.reset({
      save: async (reader) => {
        saved = await readTagsOf(reader);
      },
    });
    expect(result).toMatchObject({ lsn: 2n, discardedCommitCount: 2 });
    expect(saved).toEqual([202, 201]);
    expect(await readTags(b)).toEqual([100]);
    expect(await readTagsOf(pinned)).toEqual([202, 201]);
    pinned.close();
    commitPages(b, { 1: 300 }, 1);
    expect(await b.push()).toMatchObject({ kind: "pushed", lsn: 3n });
  });

  it("a large push goes through segments and arrives whole", async () => {
    await using cluster = await Cluster.start({ network, random: new SeededRandom(4) });
    const a = await (await cluster.openClient()).createVolume();
    const tags = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [at + 1, at + 10]));
    commitPages(a, tags, 3000);
    expect(await a.push()).toMatchObject({ kind: "pushed", pageCount: 3000 });
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(await b.hydrate()).toEqual({ fetchedPageCount: 3000 });
    expect(await readTags(b)).toEqual(Object.values(tags));
  });

  it("a page shrunk away and grown again reads as zeros, here and on replicas", async () => {
    await using cluster = await Cluster.start({ network, random: new SeededRandom(5) });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1, 2: 2, 3: 3, 4: 4 }, 4);
    await a.push();
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(await readTags(b)).toEqual([1, 2, 3, 4]);
    commitPages(a, { 1: 10 }, 2);
    commitPages(a, { 1: 11 }, 4);
    await a.push();
    expect(await readTags(a)).toEqual([11, 2, 0, 0]);
    await b.pull();
    expect(await readTags(b)).toEqual([11, 2, 0, 0]);
    const c = await (await cluster.openClient()).openVolume(a.volumeId);
    expect(await readTags(c)).toEqual([11, 2, 0, 0]);
  });

  it("two empty clones of one volume: the second first push diverges and nothing dies", async () => {
    await using cluster = await Cluster.start({ network, random: new SeededRandom(6) });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    const b = await (await cluster.openClient()).openVolume(a.volumeId);
    const c = await (await cluster.openClient()).openVolume(a.volumeId);
    commitPages(b, { 1: 2 }, 1);
    commitPages(c, { 1: 3 }, 1);
    await b.push();
    await expect(c.push()).rejects.toMatchObject({ code: "diverged" });
    await c.reset();
    expect(await readTags(c)).toEqual([2]);
  });

  it("an unknown volume is named", async () => {
    await using cluster = await Cluster.start({ network, random: new SeededRandom(7) });
    const a = await (await cluster.openClient()).createVolume();
    const b = await cluster.openClient();
    await expect(b.openVolume(a.volumeId)).rejects.toThrow(GraftError);
    await expect(b.openVolume(a.volumeId)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("while the services are down", () => {
  it("local reads and commits go on, and the push lands when they are back", async () => {
    await using cluster = await Cluster.start({ network: "tcp" });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1 }, 1);
    await a.push();
    await cluster.stopServices();
    commitPages(a, { 1: 2, 2: 3 }, 2);
    expect(await readTags(a)).toEqual([2, 3]);
    await expect(a.push()).rejects.toMatchObject({ code: "unavailable" });
    expect(a.status().lastError?.error.code).toBe("unavailable");
    await cluster.startServices();
    expect(await a.push()).toMatchObject({ kind: "pushed", lsn: 2n });
    expect(a.status().lastError).toBeUndefined();
  });

  it("opening costs at most two client requests and no page", async () => {
    await using cluster = await Cluster.start({ network: "memory" });
    const a = await (await cluster.openClient()).createVolume();
    commitPages(a, { 1: 1, 2: 2 }, 2);
    await a.push();
    await cluster.restartServices();
    const calls: string[] = [];
    const client = await cluster.openClient({
      interceptors: [
        (next) => (request) => {
          calls.push(request.method.name);
          return next(request);
        },
      ],
    });
    await client.openVolume(a.volumeId);
    expect(calls).toEqual(["GetSnapshot"]);
  });
});
