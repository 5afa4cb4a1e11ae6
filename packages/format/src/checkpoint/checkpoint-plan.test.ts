import {
  createSegmentId,
  createVolumeId,
  type PageSet,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { checkpointBlocksName } from "../object-keys.ts";
import {
  type CheckpointEntry,
  decodeCheckpointBlock,
  encodeCheckpointBlock,
} from "./checkpoint-block.ts";
import { buildCheckpoint } from "./checkpoint-builder.ts";
import { BLOCK_OBJECT_COUNT_MAX, COPY_SIZE_MAX, planCheckpoint } from "./checkpoint-plan.ts";
import { blocksChangedSince, blocksFor } from "./checkpoint-reader.ts";
import {
  type CheckpointBlockRef,
  type CheckpointRoot,
  encodeCheckpointRoot,
} from "./checkpoint-root.ts";

const ids = { random: new SeededRandom(1), clock: new SimulatedClock() };
const volumeId = createVolumeId(ids);
const pageSize = toPageSize(4096);
const set = (...pages: readonly number[]): PageSet => pageSetOf(pages.map(toPageIndex));

function block(first: number, last: number, more: Partial<CheckpointBlockRef> = {}) {
  return {
    firstPage: toPageIndex(first),
    lastPage: toPageIndex(last),
    object: checkpointBlocksName(toLsn(64n), new Uint8Array(8)),
    offset: 0,
    size: 40_000,
    hash: new Uint8Array(32),
    ...more,
  };
}

function root(blocks: readonly CheckpointBlockRef[], lsn = 64n): CheckpointRoot {
  return {
    volumeId,
    lsn: toLsn(lsn),
    recordHash: new Uint8Array(32),
    pageSize,
    pageCount: toPageCount(10_000_000),
    blocks,
    shrinks: [],
    segments: [],
  };
}

const change = (pageSet: PageSet, lowest?: number, lsn = 128n) => ({
  lsn: toLsn(lsn),
  pageSet,
  lowestCount: lowest === undefined ? undefined : toPageCount(lowest),
});

describe("the plan of the next checkpoint", () => {
  const blocks = [block(10, 100), block(200, 300), block(301, 400), block(500, 600)];

  test("keeps every block that no changed page is in", () => {
    const plan = planCheckpoint(root(blocks), change(set(250)));
    expect(plan.kept).toEqual([blocks[0], blocks[2], blocks[3]]);
    expect(plan.runs).toEqual([{ firstPage: 200, lastPage: 300, blocks: [blocks[1]] }]);
  });

  test("gives a page between two blocks to the one below, one before all to the first", () => {
    expect(planCheckpoint(root(blocks), change(set(150))).runs).toEqual([
      { firstPage: 1, lastPage: 199, blocks: [blocks[0]] },
    ]);
    expect(planCheckpoint(root(blocks), change(set(3))).runs[0]?.blocks).toEqual([blocks[0]]);
    expect(planCheckpoint(root(blocks), change(set(9999))).runs[0]?.blocks).toEqual([blocks[3]]);
  });

  test("packs neighbours that change together, others apart", () => {
    const { runs } = planCheckpoint(root(blocks), change(set(20, 210, 550)));
    expect(runs.map((run) => run.blocks.length)).toEqual([2, 1]);
  });

  test("does not read a block that was cut off, and cuts the one at the seam", () => {
    const plan = planCheckpoint(root(blocks), change(set(), 250));
    expect(plan.kept).toEqual([blocks[0]]);
    expect(plan.runs.flatMap((run) => run.blocks)).toEqual([blocks[1]]);
  });

  test("writes a small neighbour again with a block that changes", () => {
    const small = [block(1, 10, { size: 900 }), block(11, 20), block(21, 30, { size: 900 })];
    expect(planCheckpoint(root(small), change(set(15))).kept).toEqual([]);
    expect(planCheckpoint(root(small), change(set())).kept).toEqual(small);
  });

  test("copies the blocks of the smallest objects when there are too many, within bounds", () => {
    const many = Array.from({ length: 100 }, (_, at) =>
      block(at * 10 + 1, at * 10 + 10, {
        object: checkpointBlocksName(toLsn(BigInt(at + 1)), new Uint8Array(8)),
        size: 30_000 + at,
      }),
    );
    const plan = planCheckpoint(root(many, 100n), change(set()));
    expect(plan.copied).toEqual(many.slice(0, 100 + 1 - BLOCK_OBJECT_COUNT_MAX));
    expect(plan.kept).toHaveLength(BLOCK_OBJECT_COUNT_MAX - 1);
    const big = many.map((one) => ({ ...one, size: 65_536 }));
    const more = Array.from({ length: 20 }, (_, at) =>
      big.map((one) => ({
        ...one,
        firstPage: toPageIndex(one.firstPage + at * 1000),
        lastPage: toPageIndex(one.lastPage + at * 1000),
      })),
    ).flat();
    const size = planCheckpoint(root(more, 100n), change(set())).copied.length * 65_536;
    expect(size).toBeLessThanOrEqual(COPY_SIZE_MAX + 20 * 65_536);
  });

  test("sweeps when the log passes a multiple of 4096", () => {
    expect(planCheckpoint(root(blocks), change(set(1), undefined, 4095n)).isSweep).toBe(false);
    expect(planCheckpoint(root(blocks), change(set(1), undefined, 4096n)).isSweep).toBe(true);
  });
});

describe("a checkpoint of ten million pages", () => {
  const segmentId = createSegmentId(ids);
  const entry = (at: number): CheckpointEntry => ({
    lsn: toLsn(1n),
    pageSet: pageSetOf(Array.from({ length: 64 }, (_, page) => toPageIndex(at * 64 + page + 1))),
    segmentId,
    frame: {
      firstPage: toPageIndex(at * 64 + 1),
      lastPage: toPageIndex(at * 64 + 64),
      offset: 8 + (at % 900) * 20_000,
      size: 20_000,
      codec: "zstd",
      hash: new Uint8Array(16),
    },
  });

  test("is written at the price of what changed", () => {
    const stored = new Map<CheckpointBlockRef, readonly CheckpointEntry[]>();
    const build = (
      previous: CheckpointRoot | undefined,
      entries: readonly CheckpointEntry[],
      pages: PageSet,
      lsn: bigint,
    ) => {
      const changed = change(pages, undefined, lsn);
      return buildCheckpoint(
        {
          volumeId,
          pageSize,
          pageCount: toPageCount(10_000_000),
          recordHash: new Uint8Array(32),
          previous,
          change: changed,
          plan: planCheckpoint(previous, changed),
          entries,
          segments: [{ segmentId, size: 20_000_000 }],
          shrinks: [],
          blockEntries: (ref) => stored.get(ref) ?? [],
          blockBytes: () => new Uint8Array(0),
          untouchedSegments: undefined,
          objectName: checkpointBlocksName(toLsn(lsn), new Uint8Array(8)),
        },
        compute,
      );
    };
    const count = 156_250;
    const whole = Array.from({ length: count }, (_, at) => entry(at));
    const all = pageSetOf([]);
    all.insertRange(1, 10_000_000);
    const first = build(undefined, whole, all, 64n);
    expect(first.root.blocks.length).toBeLessThan(1000);
    expect(first.rootBytes.length).toBeLessThan(100_000);
    for (const ref of first.root.blocks) {
      const from = Math.floor((ref.firstPage - 1) / 64);
      const to = Math.floor((ref.lastPage - 1) / 64);
      stored.set(ref, whole.slice(from, to + 1));
    }
    const page = 5_000_000;
    const [found, ...others] = blocksFor(first.root, set(page));
    expect(others).toEqual([]);
    expect(found?.firstPage).toBeLessThanOrEqual(page);
    expect(found?.lastPage).toBeGreaterThanOrEqual(page);

    const at = Math.floor((page - 1) / 64);
    const newer = { ...entry(at), lsn: toLsn(100n) };
    const second = build(first.root, [newer], newer.pageSet, 128n);
    const written = second.blocks.reduce((sum, bytes) => sum + bytes.length, 0);
    expect(written).toBeLessThan(2 * 65_536);
    const shared = second.root.blocks.filter((ref) => first.root.blocks.includes(ref));
    expect(shared.length).toBeGreaterThan(first.root.blocks.length - 2);
  });
});

describe("the newest LSN of a block", () => {
  const ref = (lsn: bigint, newest?: bigint) =>
    block(Number(lsn), Number(lsn), {
      object: checkpointBlocksName(toLsn(lsn), new Uint8Array(8)),
      ...(newest === undefined ? {} : { newestLsn: toLsn(newest) }),
    });

  test("says which blocks changed, though a later checkpoint copied or wrote them again", () => {
    const blocks = [ref(64n), ref(128n, 3n), ref(129n, 100n), ref(192n)];
    const changed = (since: bigint) => blocksChangedSince(root(blocks, 192n), toLsn(since));
    expect(changed(2n)).toEqual(blocks);
    expect(changed(5n)).toEqual([blocks[0], blocks[2], blocks[3]]);
    expect(changed(64n)).toEqual([blocks[2], blocks[3]]);
    expect(changed(100n)).toEqual([blocks[3]]);
  });

  test("is held against the block, and against the object that holds it", () => {
    const entry = {
      lsn: toLsn(7n),
      pageSet: set(1, 2),
      segmentId: createSegmentId(ids),
      frame: {
        ...{ firstPage: toPageIndex(1), lastPage: toPageIndex(2), offset: 8, size: 50 },
        ...{ codec: "zstd" as const, hash: new Uint8Array(16) },
      },
    };
    const place = { firstPage: toPageIndex(1), lastPage: toPageIndex(2) };
    const context = { volumeId, pageSize, lsn: toLsn(9n), ...place, objectName: "block" };
    const bytes = encodeCheckpointBlock([entry], context, compute);
    const decode = (newestLsn: bigint) =>
      decodeCheckpointBlock(
        bytes,
        { hash: compute.sha256(bytes), newestLsn: toLsn(newestLsn) },
        context,
        compute,
      );
    expect(decode(7n)).toHaveLength(1);
    expect(() => decode(6n)).toThrow("its newest LSN is 7, its root says 6");
    expect(() => encodeCheckpointRoot(root([ref(10n, 11n)]), compute)).toThrow(
      "its newest LSN 11 is above that of",
    );
  });
});
