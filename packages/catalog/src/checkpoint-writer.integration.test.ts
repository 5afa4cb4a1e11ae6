import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Lsn, pageSetOf, toPageIndex } from "@graft/core";
import { nodeCompute, systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { blocksFor, type CheckpointEntry, type CheckpointRef } from "@graft/format";
import { describe, expect, it } from "vitest";
import { CheckpointReader } from "./checkpoint-reader.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { fieldsOf, SyntheticVolume } from "./testing/synthetic-volume.ts";
import type { CatalogCommit } from "./volume-catalog.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const TEN_MILLION = 10_000_000;

/** A node that knows nothing: what it reads and writes is what a checkpoint costs. */
function nodeOn(volume: SyntheticVolume) {
  const { objects, ids } = volume;
  const reader = new CheckpointReader({ objects, compute: nodeCompute });
  const writer = new CheckpointWriter({ objects, reader, compute: nodeCompute, ...ids });
  return { reader, writer };
}

async function checkpointAt(
  volume: SyntheticVolume,
  commit: CatalogCommit,
): Promise<CheckpointRef> {
  volume.objects.reset();
  return await nodeOn(volume).writer.write(commit, fieldsOf(commit), undefined);
}

/** The entry that holds a page, by root and one block. */
async function findPage(
  reader: CheckpointReader,
  volume: SyntheticVolume,
  checkpoint: CheckpointRef,
  page: number,
): Promise<CheckpointEntry | undefined> {
  const root = await reader.root(volume.volumeId, checkpoint, undefined);
  const blocks = blocksFor(root, pageSetOf([toPageIndex(page)]));
  const entries = await reader.entries(root, blocks, undefined);
  return entries.find(({ pageSet }) => pageSet.contains(page));
}

/** 64 commits of one page each, the last one of which is to have a checkpoint. */
async function changePages(
  volume: SyntheticVolume,
  pages: readonly number[],
  checkpoint: CheckpointRef | undefined,
): Promise<{ readonly commit: CatalogCommit; readonly writers: ReadonlyMap<number, Lsn> }> {
  const writers = new Map<number, Lsn>();
  let commit: CatalogCommit | undefined;
  for (const page of pages) {
    commit = await volume.commitInline([page], checkpoint);
    writers.set(page, commit.record.lsn);
  }
  if (commit === undefined) throw new Error("there is a page");
  return { commit, writers };
}

async function mustHold(
  volume: SyntheticVolume,
  checkpoint: CheckpointRef,
  writers: ReadonlyMap<number, Lsn>,
): Promise<void> {
  const { reader } = nodeOn(volume);
  for (const [page, lsn] of writers) {
    const entry = await findPage(reader, volume, checkpoint, page);
    expect([page, entry?.lsn]).toEqual([page, lsn]);
  }
}

/** What cannot be freed, bytes. */
function liveSize(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** 64 pages side by side from a page on. */
function near(first: number): readonly number[] {
  return Array.from({ length: 64 }, (_, at) => first + at);
}

describe("a checkpoint of ten pages", () => {
  it("is one block and a root, and the next one as much again", async () => {
    const volume = new SyntheticVolume(nodeCompute);
    const { objects } = volume;
    const imported = volume.import(10);
    const first = await checkpointAt(volume, imported);
    // The footer of the one segment; blocks and root.
    expect([objects.reads, objects.writes]).toEqual([1, 2]);
    const pages = Array.from({ length: 64 }, (_, at) => (at % 9) + 1);
    const { commit, writers } = await changePages(volume, pages, first);
    const next = await checkpointAt(volume, commit);
    // Nine records are still the newest of a page, the last one is at hand: root and block.
    expect([objects.reads, objects.writes]).toEqual([8 + 2, 3]);
    expect(objects.writtenBytes).toBeLessThan(8 * KIB);
    await mustHold(volume, next, new Map([...writers, [10, imported.record.lsn]]));
  });
});

describe("a checkpoint of ten million pages", () => {
  const volume = new SyntheticVolume(nodeCompute);
  const { objects } = volume;
  const untouched = new Map<number, Lsn>();
  let newest: CheckpointRef;

  it("holds every page of one import, and takes no more memory than a server has", async () => {
    const imported = volume.import(TEN_MILLION);
    const before = liveSize();
    let most = 0;
    objects.onWrite = () => {
      most = Math.max(most, liveSize() - before);
    };
    newest = await checkpointAt(volume, imported);
    objects.onWrite = () => undefined;
    // A footer for each of 4,883 segments; blocks and root.
    expect([objects.reads, objects.writes]).toEqual([4883, 2]);
    expect(objects.writtenBytes).toBeLessThan(24 * MIB);
    expect(most).toBeLessThan(200 * MIB);
    const random = new SeededRandom(4);
    const sample = Array.from({ length: 200 }, () => random.integer(1, TEN_MILLION));
    for (const page of [1, TEN_MILLION, ...sample]) untouched.set(page, imported.record.lsn);
    await mustHold(volume, newest, untouched);
    const root = await nodeOn(volume).reader.root(volume.volumeId, newest, undefined);
    expect(root.blocks.at(-1)?.lastPage).toBe(TEN_MILLION);
  });

  it("after 64 commits of neighbours costs their records, one block and a root", async () => {
    const { commit, writers } = await changePages(volume, near(5_000_000), newest);
    newest = await checkpointAt(volume, commit);
    // 63 records, the last one is at hand: root and block. One segment, one block, one root.
    expect([objects.reads, objects.writes]).toEqual([63 + 2, 3]);
    expect(objects.writtenBytes).toBeLessThan(256 * KIB);
    await mustHold(volume, newest, writers);
    for (const page of writers.keys()) untouched.delete(page);
    await mustHold(volume, newest, untouched);
  });

  it("after 64 commits all over the place costs a block for each, and no more", async () => {
    const far = Array.from({ length: 64 }, (_, at) => 1 + at * 150_001);
    const { commit, writers } = await changePages(volume, far, newest);
    newest = await checkpointAt(volume, commit);
    expect([objects.reads, objects.writes]).toEqual([63 + 1 + 64, 3]);
    expect(objects.writtenBytes).toBeLessThan(64 * 48 * KIB);
    await mustHold(volume, newest, writers);
    for (const page of writers.keys()) untouched.delete(page);
    await mustHold(volume, newest, untouched);
  });

  it("lets others in between while its blocks are made", async () => {
    let turns = 0;
    let nowMs = 0;
    const clock = {
      ...systemClock,
      nowMs: () => systemClock.nowMs(),
      monotonicMs: () => (nowMs += 3),
      sleep: async () => void turns++,
    };
    const reader = new CheckpointReader({ objects, compute: nodeCompute });
    const means = { objects, reader, compute: nodeCompute, random: volume.ids.random, clock };
    const pages = Array.from({ length: 20 }, (_, at) => 77 + at * 400_000);
    const { commit } = await changePages(volume, pages, newest);
    await new CheckpointWriter(means).write(commit, fieldsOf(commit), undefined);
    expect(turns).toBeGreaterThanOrEqual(20);
  });
});
