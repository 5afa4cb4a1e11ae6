import {
  createSegmentId,
  createVolumeId,
  GraftError,
  pageRange,
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
import { RECORD_KINDS } from "../record.ts";
import type { FrameEntry } from "../segment/segment-ref.ts";
import {
  type CheckpointBlockContext,
  type CheckpointEntry,
  decodeCheckpointBlock,
  encodeCheckpointBlock,
} from "./checkpoint-block.ts";
import {
  type CheckpointBlockRef,
  type CheckpointRoot,
  decodeCheckpointRoot,
  encodeCheckpointRoot,
} from "./checkpoint-root.ts";

const ids = { random: new SeededRandom(1), clock: new SimulatedClock() };
const volumeId = createVolumeId(ids);
const objectName = "volumes/x/checkpoints/y";
const pageSize = toPageSize(4096);
const lsn = toLsn(64n);
const hash = (fill: number, size = 32): Uint8Array => new Uint8Array(size).fill(fill);
const segmentIds = [createSegmentId(ids), createSegmentId(ids)].sort();
const segmentId = segmentIds[0] ?? createSegmentId(ids);

const block = (first: number, last: number): CheckpointBlockRef => ({
  firstPage: toPageIndex(first),
  lastPage: toPageIndex(last),
  object: checkpointBlocksName(lsn, hash(1, 8)),
  offset: first,
  size: 200,
  hash: hash(first),
});
const ROOT: CheckpointRoot = {
  volumeId,
  lsn,
  recordHash: hash(3),
  pageSize,
  pageCount: toPageCount(1000),
  blocks: [block(1, 64), block(65, 1000)],
  shrinks: [
    { lsn: toLsn(5n), lowPageCount: toPageCount(10) },
    { lsn: toLsn(64n), lowPageCount: toPageCount(11) },
  ],
  segments: segmentIds.map((id) => ({ segmentId: id, size: 9000 })),
};

const CONTEXT: CheckpointBlockContext = {
  volumeId,
  lsn,
  pageSize,
  firstPage: toPageIndex(10),
  lastPage: toPageIndex(99),
};
const frame = (first: number, last: number): FrameEntry => ({
  firstPage: toPageIndex(first),
  lastPage: toPageIndex(last),
  offset: 8,
  size: 100,
  codec: "zstd",
  hash: hash(first, 16),
});
const entry = (first: number, last: number): CheckpointEntry => ({
  lsn: toLsn(9n),
  pageSet: pageRange(first, last),
  segmentId,
  frame: frame(first, last),
});
/** Pages 20 and 22 of a frame that holds 20 … 23. */
const PART: CheckpointEntry = {
  ...entry(20, 23),
  pageSet: pageSetOf([20, 22].map(toPageIndex)),
  ownerVolumeId: createVolumeId(ids),
  frame: { ...frame(20, 23), pageSet: pageRange(20, 23) },
};

describe("a checkpoint root", () => {
  test("gives back what was encoded", () => {
    const bytes = encodeCheckpointRoot(ROOT, compute);
    expect(decodeCheckpointRoot(bytes, compute, { objectName, volumeId, lsn })).toEqual(ROOT);
    expect(() => decodeCheckpointRoot(bytes, compute, { objectName, lsn: toLsn(1n) })).toThrow(
      `${objectName} is corrupt: expected LSN 1, got 64`,
    );
    const other = createVolumeId(ids);
    expect(() => decodeCheckpointRoot(bytes, compute, { objectName, volumeId: other })).toThrow(
      `expected volume ${other}`,
    );
  });

  test.each<[string, Partial<CheckpointRoot>, string]>([
    [
      "blocks that overlap",
      { blocks: [block(1, 64), block(64, 99)] },
      "does not ascend from page 64",
    ],
    ["a block that ends too early", { blocks: [block(9, 8)] }, "it ends before it begins"],
    [
      "a block above the page count",
      { blocks: [block(9, 1001)] },
      "page 1001 is above the page count",
    ],
    [
      "a block elsewhere",
      { blocks: [{ ...block(1, 2), object: "../x" }] },
      "names no object with blocks",
    ],
    [
      "a block of the future",
      { blocks: [{ ...block(1, 2), object: checkpointBlocksName(toLsn(65n), hash(1, 8)) }] },
      "is of a checkpoint above LSN 64",
    ],
    ["a block without a body", { blocks: [{ ...block(1, 2), size: 18 }] }, "got 18"],
    ["a block over 64 KiB", { blocks: [{ ...block(1, 2), size: 65_537 }] }, "got 65537"],
    ["a short block hash", { blocks: [{ ...block(1, 2), hash: hash(1, 31) }] }, "not 32 bytes"],
    ["a short record hash", { recordHash: hash(1, 31) }, "its record hash has not 32 bytes"],
    [
      "a shrink of the future",
      { shrinks: [{ lsn: toLsn(65n), lowPageCount: toPageCount(1) }] },
      "got 65",
    ],
    ["segments out of order", { segments: ROOT.segments.toReversed() }, "it does not ascend"],
    ["a segment of no size", { segments: [{ segmentId, size: 1 }] }, "got 1"],
    [
      "a segment that owns itself",
      { segments: [{ segmentId, size: 900, ownerVolumeId: volumeId }] },
      "it names its own volume as owner",
    ],
  ])("with %s is not written", (_, change, condition) => {
    expect(() => encodeCheckpointRoot({ ...ROOT, ...change }, compute)).toThrow(condition);
  });
});

describe("a checkpoint block", () => {
  const encoded = (entries: readonly CheckpointEntry[]) => {
    const bytes = encodeCheckpointBlock(entries, CONTEXT, compute);
    return { bytes, ref: { hash: compute.sha256(bytes) } };
  };

  test("gives back what was encoded", () => {
    const entries = [entry(10, 15), PART, { ...entry(21, 21), lsn }, entry(30, 93)];
    const { bytes, ref } = encoded(entries);
    const context = { ...CONTEXT, objectName };
    expect(decodeCheckpointBlock(bytes, ref, context, compute)).toEqual(entries);
  });

  test("is the one that its root names, and answers for the pages its root says", () => {
    const { bytes, ref } = encoded([entry(10, 15)]);
    const context = { ...CONTEXT, objectName };
    expect(() => decodeCheckpointBlock(bytes, { hash: hash(0) }, context, compute)).toThrow(
      `${objectName} is corrupt: a block is not the one that its root names`,
    );
    const lower = { ...context, lastPage: toPageIndex(14) };
    expect(() => decodeCheckpointBlock(bytes, ref, lower, compute)).toThrow("page 15 is above");
    const higher = { ...context, firstPage: toPageIndex(11) };
    expect(() => decodeCheckpointBlock(bytes, ref, higher, compute)).toThrow("it is below page 11");
    const older = { ...context, lsn: toLsn(8n) };
    expect(() => decodeCheckpointBlock(bytes, ref, older, compute)).toThrow("LSN 9 is above 8");
  });

  test.each<[string, readonly CheckpointEntry[], string]>([
    ["no entry", [], "it has no entry"],
    ["entries out of order", [entry(20, 21), entry(10, 11)], "it does not ascend from page 20"],
    ["a page twice", [entry(20, 21), entry(21, 22)], "page 21 is in it twice"],
    [
      "a frame of other pages",
      [{ ...entry(20, 21), frame: frame(20, 22) }],
      "its pages are 20 … 21",
    ],
    [
      "a page that its frame does not hold",
      [
        {
          ...entry(20, 22),
          frame: { ...frame(20, 22), pageSet: pageSetOf([20, 22].map(toPageIndex)) },
        },
      ],
      "a named page is missing",
    ],
    ["too many pages", [entry(10, 99)], "expected 1 … 64 pages, got 90"],
    [
      "an owner that is its own volume",
      [{ ...entry(10, 11), ownerVolumeId: volumeId }],
      "it names its own volume as owner",
    ],
  ])("with %s is not written", (_, entries, condition) => {
    expect(() => encodeCheckpointBlock(entries, CONTEXT, compute)).toThrow(condition);
  });

  test("is at most 64 KiB", () => {
    const context = { ...CONTEXT, firstPage: toPageIndex(1), lastPage: toPageIndex(200_000) };
    const entries = (count: number): CheckpointEntry[] =>
      Array.from({ length: count }, (_, at) => entry(at * 64 + 1, at * 64 + 64));
    let count = 400;
    let code = "none";
    let size = 0;
    while (code === "none") {
      try {
        size = encodeCheckpointBlock(entries(count), context, compute).length;
        count++;
      } catch (error) {
        code = error instanceof GraftError ? error.code : String(error);
      }
    }
    expect(code).toBe("resource-exhausted");
    expect(size).toBeLessThanOrEqual(RECORD_KINDS["checkpoint-block"].sizeMax);
    expect(size).toBeGreaterThan(RECORD_KINDS["checkpoint-block"].sizeMax - 200);
    expect(count).toBeGreaterThan(500);
  });
});
