import { type CatalogCommit, CheckpointReader, CheckpointWriter } from "@graft/catalog";
import { fieldsOf, SyntheticVolume } from "@graft/catalog/testing";
import { pageSetOf, toLsn, toPageIndex } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { type CheckpointRef, encodeHeadHint, headKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { beforeAll, describe, expect, it } from "vitest";
import { createTestMetastore } from "./testing/test-metastore.ts";

const HEAD = 10_000;
const PAGE_COUNT = 200_000;
/** Commits between two checkpoints. */
const DUE = 64;
/** Pages that most commits write. */
const HOT = 300;

/** A log with its checkpoints, and what a walk over all of it would say. */
interface Log {
  readonly volume: SyntheticVolume;
  /** By page: the commits that wrote it last. */
  readonly writers: Map<number, number>;
  /** By commit: how many pages it left, where it cut some off. */
  readonly shrinks: Map<number, number>;
  pageCount: number;
  /** Bytes of all blocks of the newest checkpoint. */
  checkpointSize: number;
}

interface Step {
  readonly pages: readonly number[];
  readonly pageCount: number;
}

/** @param step what the commit at an LSN does, given how many pages there are */
async function buildLog(step: (lsn: number, pageCount: number) => Step): Promise<Log> {
  const volume = new SyntheticVolume(nodeCompute);
  const { objects, ids } = volume;
  const reader = new CheckpointReader({ objects, compute: nodeCompute });
  const held = new Map<bigint, CatalogCommit>();
  const writer = new CheckpointWriter({
    ...{ objects, reader, compute: nodeCompute, ...ids },
    heldCommit: (_, lsn) => held.get(lsn),
  });
  const log: Log = {
    volume,
    writers: new Map(),
    shrinks: new Map(),
    pageCount: PAGE_COUNT,
    checkpointSize: 0,
  };
  let checkpoint: CheckpointRef | undefined;
  let commit = volume.import(PAGE_COUNT);
  for (let lsn = 2; lsn <= HEAD; lsn++) {
    const { pages, pageCount } = step(lsn, log.pageCount);
    commit = await volume.commitInline(pages, checkpoint, pageCount);
    held.set(commit.record.lsn, commit);
    if (pageCount < log.pageCount) {
      log.shrinks.set(lsn, pageCount);
      for (const page of log.writers.keys()) if (page > pageCount) log.writers.delete(page);
    }
    for (const page of pages) log.writers.set(page, lsn);
    log.pageCount = pageCount;
    if (lsn % DUE !== 0) continue;
    checkpoint = await writer.write(commit, fieldsOf(commit), undefined);
    held.clear();
  }
  if (checkpoint !== undefined) {
    const root = await reader.root(volume.volumeId, checkpoint, undefined);
    log.checkpointSize = root.blocks.reduce((sum, { size }) => sum + size, 0);
  }
  return log;
}

/** A node with no cache, and what it asked of the store for one pull. */
async function pullCold({ volume }: Log, from: number) {
  const store = new MemoryObjectStore();
  for (const [key, bytes] of volume.objects.objects) await store.put(key, bytes);
  await store.put(headKey(volume.volumeId), encodeHeadHint(toLsn(BigInt(HEAD))));
  const clock = new SimulatedClock({ mode: "auto" });
  const metered = new MeteredObjectStore(store, clock);
  const node = createTestMetastore({ store: metered, clock });
  const range = { start: toLsn(BigInt(from)) };
  const { snapshot, changes } = await node.metastore.pullGraft(volume.volumeId, range);
  const { requests, receivedBytes } = metered.meter.snapshot().get;
  expect(metered.meter.requestCount).toBe(requests);
  expect(snapshot.lsn).toBe(BigInt(HEAD));
  return { pageSet: changes?.pageSet ?? pageSetOf([]), requests, receivedBytes };
}

/** What a walk over all commits from one on says. */
function expectedSince({ writers, shrinks, pageCount }: Log, from: number) {
  const pages = pageSetOf([]);
  for (const [page, lsn] of writers) if (lsn >= from) pages.insert(toPageIndex(page));
  const lows = [...shrinks].filter(([lsn]) => lsn >= from).map(([, low]) => low);
  const lowest = Math.min(...lows, pageCount);
  if (lowest < pageCount) pages.insertRange(lowest + 1, pageCount);
  return pages;
}

describe("PullGraft up to LSN 10,000 on a node with no cache", () => {
  let log: Log;

  beforeAll(async () => {
    const random = new SeededRandom(11);
    // Two parts of the volume, one of them now and then, and shrinks that are grown over.
    log = await buildLog((lsn, pageCount) => {
      const isShrink = lsn % 997 === 0;
      const next = isShrink
        ? pageCount - random.integer(1, 300)
        : pageCount + (lsn % 50 === 0 ? 9 : 0);
      const cold = random.chance(0.01) ? [random.integer(150_000, 155_000)] : [];
      return { pages: [...new Set([random.integer(1000, 1000 + HOT), ...cold])], pageCount: next };
    });
  }, 600_000);

  it.each([5, 64, 65, 1000, 8000, 9984, 9985, 9990, HEAD])(
    "from LSN %i answers exactly what a walk over the log says",
    async (from) => {
      const { pageSet } = await pullCold(log, from);
      expect([...pageSet.ranges()]).toEqual([...expectedSince(log, from).ranges()]);
    },
  );

  it("from LSN 5 takes root and changed blocks beside the head, not the log", async () => {
    const { requests, receivedBytes } = await pullCold(log, 5);
    // Hint, record, the lookup above it, root; blocks of both parts, and of where it was cut.
    expect(requests).toBeLessThanOrEqual(4 + 6);
    expect(receivedBytes).toBeLessThan(log.checkpointSize / 2);
  });

  it("from a recent LSN takes the head record alone", async () => {
    const { requests } = await pullCold(log, 9985);
    expect(requests).toBe(3);
  });
});

describe("PullGraft over more shrinks than a list holds", () => {
  it("never leaves out what changed, and widens by the shrinks between at most", async () => {
    // Each one leaves more than the one before: none makes another needless.
    const log = await buildLog((lsn) => ({
      pages: [7],
      pageCount: lsn % 2 === 0 ? PAGE_COUNT : 1000 + 2 * Math.floor(lsn / 2),
    }));
    for (const from of [5, 640, 5000, 9001, 9999]) {
      const { pageSet, requests } = await pullCold(log, from);
      const expected = expectedSince(log, from);
      for (const { first, last } of expected.ranges()) {
        expect(pageSet.countRange(first, last)).toBe(last - first + 1);
      }
      // 256 places for 5,000 shrinks of 2 pages each: neighbours that became one lie near.
      expect(pageSet.cardinality - expected.cardinality).toBeLessThan(2 * (5000 / 256) * 4);
      expect(requests).toBeLessThanOrEqual(5);
    }
  }, 600_000);
});
