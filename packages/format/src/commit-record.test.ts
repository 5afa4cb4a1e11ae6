import {
  COMMIT_METADATA_SIZE_MAX,
  COMMIT_RECORD_SIZE_MAX,
  COMMIT_SEGMENT_COUNT_MAX,
  createSegmentId,
  GraftError,
  INLINE_PAGES_SIZE_MAX,
  pageRange,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type CommitRecord,
  commitPageSet,
  commitRecordHash,
  encodeCommitRecord,
  lowPageCountOf,
  snapshotOf,
} from "./commit-record.ts";
import { decodeCommitRecord } from "./commit-record-decode.ts";
import { commitRecordFault } from "./commit-record-fault.ts";
import type { Frame } from "./segment/frame.ts";
import type { SegmentRef } from "./segment/segment-ref.ts";
import { frameIndexSize } from "./segment/segment-ref-body.ts";
import { randomCommitRecord } from "./testing/random-records.ts";

const objectName = "volumes/x/log/y";
const decode = (bytes: Uint8Array): CommitRecord =>
  decodeCommitRecord(bytes, compute, { objectName });

const random = new SeededRandom(1);
const ids = { random, clock: new SimulatedClock() };
const pages = (...indexes: number[]): ReturnType<typeof pageSetOf> =>
  pageSetOf(indexes.map(toPageIndex));

/** A record of ten pages without content at LSN 2. */
const EMPTY: CommitRecord = {
  ...randomCommitRecord(random, { lsn: toLsn(1n), pageSize: toPageSize(512) }),
  lsn: toLsn(2n),
  parentHash: new Uint8Array(32),
  pageCount: toPageCount(10),
  segments: [],
  inlineFrames: [],
};
const { lowPageCount: _, tailIndex: __, metadata: ___, ...BASE } = EMPTY;

const rawFrame = (...indexes: number[]): Frame => ({
  pageSet: pages(...indexes),
  codec: "raw",
  hash: new Uint8Array(16),
  data: new Uint8Array(512 * indexes.length),
});
const segment = (...indexes: number[]): SegmentRef => ({
  segmentId: createSegmentId(ids),
  pageSet: pages(...indexes),
  size: 5000,
  frames: [],
});

describe("a commit record", () => {
  test("gives back what was encoded, byte for byte the same when encoded again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), (seed) => {
        const record = randomCommitRecord(new SeededRandom(seed));
        const bytes = encodeCommitRecord(record, compute);
        const read = decode(bytes);
        expect(read).toEqual(record);
        expect(encodeCommitRecord(read, compute)).toEqual(bytes);
      }),
      { numRuns: 300 },
    );
  });

  test("knows its pages, its low page count and its snapshot", () => {
    const record = { ...BASE, segments: [segment(1, 5)], inlineFrames: [rawFrame(2, 9)] };
    expect([...commitPageSet(record)]).toEqual([1, 2, 5, 9]);
    expect(lowPageCountOf(record)).toBe(10);
    expect(lowPageCountOf({ ...record, lowPageCount: toPageCount(3) })).toBe(3);
    const { volumeId, lsn, clientId, commitId, timestampMs, pageSize, pageCount } = record;
    const snapshot = { volumeId, lsn, clientId, timestampMs, pageSize, pageCount };
    expect(snapshotOf(record)).toEqual(
      commitId === undefined ? snapshot : { ...snapshot, commitId },
    );
  });

  test("of another volume or LSN than expected is refused", () => {
    const bytes = encodeCommitRecord(BASE, compute);
    const other = randomCommitRecord(random).volumeId;
    const options = { objectName, volumeId: other };
    expect(() => decodeCommitRecord(bytes, compute, options)).toThrow(`expected volume ${other}`);
    const lsn = toLsn(3n);
    expect(() => decodeCommitRecord(bytes, compute, { objectName, lsn })).toThrow(
      "expected LSN 3, got 2",
    );
  });

  test("has the SHA-256 of all stored bytes as its hash", () => {
    const bytes = encodeCommitRecord(BASE, compute);
    expect(commitRecordHash(bytes, compute)).toEqual(compute.sha256(bytes));
  });
});

const segmentTwice = segment(3);
const invalid: [string, Partial<CommitRecord>, string][] = [
  ["a page in two segments", { segments: [segment(1, 2), segment(2, 3)] }, "page 2 is in it twice"],
  [
    "a page in a segment and inline",
    { segments: [segment(4)], inlineFrames: [rawFrame(4)] },
    "page 4 is in it twice",
  ],
  [
    "a page above the page count",
    { segments: [segment(11)] },
    "page 11 is above the page count 10",
  ],
  ["an inline page above it", { inlineFrames: [rawFrame(12)] }, "page 12 is above the page count"],
  [
    "a segment twice",
    { segments: [segmentTwice, { ...segmentTwice, pageSet: pages(4) }] },
    "twice",
  ],
  ["a segment without pages", { segments: [segment()] }, "it names no page"],
  ["a segment of 5 bytes", { segments: [{ ...segment(1), size: 5 }] }, "got 5"],
  ["a segment over 32 MiB", { segments: [{ ...segment(1), size: 2 ** 25 + 1 }] }, "got 33554433"],
  [
    "a segment that owns itself",
    { segments: [{ ...segment(1), ownerVolumeId: BASE.volumeId }] },
    "it names its own volume as owner",
  ],
  [
    "frames out of order",
    { inlineFrames: [rawFrame(5), rawFrame(4)] },
    "inline frame of page 4 does not ascend from 5",
  ],
  [
    "frames that interleave",
    { inlineFrames: [rawFrame(1, 5), rawFrame(3)] },
    "inline frame of page 3 does not ascend from 5",
  ],
  [
    "a raw frame of a wrong size",
    { inlineFrames: [{ ...rawFrame(1), data: new Uint8Array(511) }] },
    "expected 512 bytes of raw pages, got 511",
  ],
  [
    "a compressed frame that is no smaller",
    { inlineFrames: [{ ...rawFrame(1), codec: "zstd" }] },
    "expected 1 … 511 compressed bytes, got 512",
  ],
  [
    "a frame hash of 15 bytes",
    { inlineFrames: [{ ...rawFrame(1), hash: new Uint8Array(15) }] },
    "inline frame hash: expected 16 bytes, got 15",
  ],
  [
    "a low page count that is no lower",
    { lowPageCount: toPageCount(10) },
    "expected less than the page count 10, got 10",
  ],
  ["a negative timestamp", { timestampMs: -1 }, "timestamp: expected 0 …"],
  ["a fraction of a ms", { timestampMs: 1.5 }, "timestamp: expected 0 …"],
  ["a parent hash at LSN 1", { lsn: toLsn(1n) }, "LSN 1 has a parent hash"],
  ["a short parent hash", { parentHash: new Uint8Array(31) }, "parent hash: expected 32 bytes"],
  [
    "a checkpoint at its own LSN",
    { checkpoint: { lsn: toLsn(2n), hash: new Uint8Array(32) } },
    "checkpoint: expected an LSN below 2, got 2",
  ],
  [
    "a short checkpoint hash",
    { checkpoint: { lsn: toLsn(1n), hash: new Uint8Array(1) } },
    "checkpoint hash: expected 32 bytes, got 1",
  ],
  [
    "too much metadata",
    { metadata: { message: "é".repeat(COMMIT_METADATA_SIZE_MAX / 2), appTransactionId: "x" } },
    "metadata: expected at most 4096 bytes, got 4097",
  ],
  [
    "a tail index with its own LSN",
    { tailIndex: { commits: [{ lsn: toLsn(2n), segments: [segment(1)] }], shrinks: [] } },
    "tail index, commit 2: expected an LSN in 1 … 1",
  ],
  [
    "a tail index with a page it wrote itself",
    {
      segments: [segment(1)],
      tailIndex: { commits: [{ lsn: toLsn(1n), segments: [segment(1)] }], shrinks: [] },
    },
    "tail index, commit 1: page 1 is in it twice",
  ],
  [
    "a tail index with a page that was cut off",
    {
      lowPageCount: toPageCount(3),
      tailIndex: {
        commits: [{ lsn: toLsn(1n), inlinePageSet: pages(4), segments: [] }],
        shrinks: [],
      },
    },
    "page 4 is above the page count 3",
  ],
  [
    "a tail index with a commit of no page",
    { tailIndex: { commits: [{ lsn: toLsn(1n), segments: [] }], shrinks: [] } },
    "tail index, commit 1: it has no page",
  ],
  [
    "a tail index below its checkpoint",
    {
      lsn: toLsn(9n),
      checkpoint: { lsn: toLsn(5n), hash: new Uint8Array(32) },
      tailIndex: { commits: [{ lsn: toLsn(5n), segments: [segment(1)] }], shrinks: [] },
    },
    "tail index, commit 5: expected an LSN in 6 … 8",
  ],
  [
    "a shrink of the future",
    { tailIndex: { commits: [], shrinks: [{ lsn: toLsn(3n), lowPageCount: toPageCount(1) }] } },
    "shrink list: expected an LSN in 1 … 2, got 3",
  ],
];

describe("a commit record that is not valid", () => {
  test.each(invalid)("%s: is neither written nor read", (_, change, condition) => {
    const record: CommitRecord = { ...BASE, ...change };
    expect(commitRecordFault(record)).toContain(condition);
    expect(() => encodeCommitRecord(record, compute)).toThrow(condition);
  });

  test("without a parent hash above LSN 1 is refused", () => {
    const { parentHash: _, ...orphan } = BASE;
    expect(commitRecordFault(orphan)).toBe("it has no parent hash");
  });
});

describe("the greatest commit record", () => {
  test.each([512, 4096, 65_536])("holds 128 KiB of inline pages of %i bytes", (size) => {
    const pageSize = toPageSize(size);
    const frameOf = (first: number, count: number): Frame => ({
      pageSet: pageRange(first, first + count - 1),
      codec: "raw",
      hash: new Uint8Array(16),
      data: new Uint8Array(size * count),
    });
    const perFrame = Math.min(64, INLINE_PAGES_SIZE_MAX / size);
    const count = INLINE_PAGES_SIZE_MAX / size / perFrame;
    const inlineFrames = Array.from({ length: count }, (_, at) =>
      frameOf(at * perFrame + 1, perFrame),
    );
    const pageCount = toPageCount(1000);
    const record = { ...BASE, pageSize, pageCount, inlineFrames };
    expect(decode(encodeCommitRecord(record, compute)).inlineFrames).toHaveLength(count);
    const over = { ...record, inlineFrames: [...inlineFrames, frameOf(900, 1)] };
    expect(() => encodeCommitRecord(over, compute)).toThrow("bytes of inline pages");
  });

  test("names 65,536 segments, and not one more", () => {
    const segments = Array.from({ length: COMMIT_SEGMENT_COUNT_MAX }, (_, at) => segment(at + 1));
    const record = { ...BASE, pageCount: toPageCount(70_000), segments };
    const bytes = encodeCommitRecord(record, compute);
    expect(bytes.length).toBeLessThan(COMMIT_RECORD_SIZE_MAX);
    expect(decode(bytes).segments).toHaveLength(COMMIT_SEGMENT_COUNT_MAX);
    const over = { ...record, segments: [...segments, segment(70_000)] };
    expect(commitRecordFault(over)).toBe("expected at most 65536 segments, got 65537");
  });

  test("leaves frame indexes beyond 1 MiB to the segment footers", () => {
    const segments = Array.from({ length: 100 }, (_, at) => framedSegment(at * 512 + 1, 512));
    const record = { ...BASE, pageCount: toPageCount(100_000), segments };
    const read = decode(encodeCommitRecord(record, compute));
    const size = read.segments.reduce((sum, ref) => sum + frameIndexSize(ref), 0);
    expect(size).toBeLessThanOrEqual(1024 * 1024);
    expect(size).toBeGreaterThan(1024 * 1024 - 20_000);
    expect(read.segments[0]?.frames).toHaveLength(512);
    expect(read.segments.at(-1)?.frames).toHaveLength(0);
  });

  test("is at most 16 MiB", () => {
    // No two pages of a set lie within 50,000: about eleven bytes a page.
    const sparse = (at: number): SegmentRef => {
      const set = pages();
      for (let page = 0; page < 65_536; page++) set.insert((page * 200 + at + 1) * 256);
      return { ...segment(1), pageSet: set, size: 2 ** 25 };
    };
    const pageCount = toPageCount(0xffff_fffe);
    const segments = Array.from({ length: 29 }, (_, at) => sparse(at));
    const most = { ...BASE, pageCount, segments: segments.slice(0, 28) };
    expect(encodeCommitRecord(most, compute).length).toBeGreaterThan(15 * 1024 * 1024);
    const over = { ...BASE, pageCount, segments };
    const error = refusalOf(() => encodeCommitRecord(over, compute));
    expect(error?.code).toBe("resource-exhausted");
    expect(error?.message).toContain(`expected at most ${COMMIT_RECORD_SIZE_MAX}: split the push`);
  });
});

function refusalOf(act: () => unknown): GraftError | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof GraftError) return error;
    throw error;
  }
  return undefined;
}

/** One page in each frame. */
function framedSegment(first: number, count: number): SegmentRef {
  const frames = Array.from({ length: count }, (_, at) => ({
    firstPage: toPageIndex(first + at),
    lastPage: toPageIndex(first + at),
    offset: 8 + at * 512,
    size: 512,
    codec: "raw" as const,
    hash: new Uint8Array(16).fill(7),
  }));
  const pageSet = pageRange(first, first + count - 1);
  return { ...segment(1), pageSet, size: 8 + count * 512 + 5000, frames };
}
