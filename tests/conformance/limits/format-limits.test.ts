/** Each limit of the stored formats: its greatest legal object, and its first illegal one. */
import {
  COMMIT_FRAME_INDEX_SIZE_MAX,
  COMMIT_METADATA_SIZE_MAX,
  COMMIT_RECORD_SIZE_MAX,
  COMMIT_SEGMENT_COUNT_MAX,
  createSegmentId,
  createVolumeId,
  FRAME_PAGE_COUNT_MAX,
  FRAME_SIZE_MAX,
  INLINE_PAGES_SIZE_MAX,
  PAGE_COUNT_MAX,
  PAGE_INDEX_LAST,
  type Page,
  pageRange,
  pageSetOf,
  SEGMENT_SIZE_MAX,
  SHRINK_LIST_COUNT_MAX,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import {
  buildSegment,
  type CommitRecord,
  decodeCommitRecord,
  decodeFrame,
  encodeCommitRecord,
  encodeFrame,
  type Frame,
  type FrameEntry,
  frameHash,
  readWholeSegment,
  SegmentBuilder,
  type SegmentRef,
} from "@graft/format";
import { randomCommitRecord } from "@graft/format/testing";
import { describe, expect, test } from "vitest";

const objectName = "limit";
const random = new SeededRandom(1);
const ids = { random, clock: new SimulatedClock() };
const volumeId = createVolumeId(ids);
const SIZES = [512, 4096, 65_536].map((size) => ({ pageSize: toPageSize(size) }));
const invalid = expect.objectContaining({ code: "invalid-argument" });

/** Pages of noise, which no compression makes smaller. */
function noisePages(pageSize: number, count: number, first = 1): Page[] {
  return Array.from({ length: count }, (_, at) => {
    const data = new Uint8Array(pageSize);
    random.fill(data.subarray(0, 64));
    for (let from = 64; from < pageSize; from += 64) data.copyWithin(from, 0, 64);
    return { index: toPageIndex(first + at), data };
  });
}

/** A record of one page at LSN 2, without content. */
function record(change: Partial<CommitRecord>): CommitRecord {
  const { clientId } = randomCommitRecord(random, { lsn: toLsn(1n) });
  return {
    volumeId,
    clientId,
    lsn: toLsn(2n),
    timestampMs: 1,
    pageSize: toPageSize(4096),
    pageCount: PAGE_COUNT_MAX,
    parentHash: new Uint8Array(32),
    segments: [],
    inlineFrames: [],
    ...change,
  };
}

function roundTrip(of: CommitRecord): CommitRecord {
  return decodeCommitRecord(encodeCommitRecord(of, compute), compute, { objectName });
}

describe("a page size", () => {
  test.each([512, 1024, 4096, 32_768, 65_536])("of %i is one", (size) => {
    expect(toPageSize(size)).toBe(size);
    expect(roundTrip(record({ pageSize: toPageSize(size) })).pageSize).toBe(size);
  });

  test.each([0, 1, 256, 511, 513, 4095, 65_535, 65_537, 131_072, 4096.5, -4096, Number.NaN])(
    "of %d is none",
    (size) => {
      expect(() => toPageSize(size)).toThrow(invalid);
    },
  );
});

describe("a page count and a page index", () => {
  test("reach 2^32 − 2, and not one further", () => {
    expect(toPageCount(0xffff_fffe)).toBe(PAGE_COUNT_MAX);
    expect(toPageIndex(0xffff_fffe)).toBe(PAGE_INDEX_LAST);
    expect(() => toPageCount(0xffff_ffff)).toThrow(invalid);
    expect(() => toPageIndex(0xffff_ffff)).toThrow(invalid);
    expect(() => toPageIndex(0)).toThrow(invalid);
  });
});

describe.each(SIZES)("with pages of $pageSize bytes", ({ pageSize }) => {
  const frameCount = Math.min(FRAME_PAGE_COUNT_MAX, FRAME_SIZE_MAX / pageSize);

  test(`a frame holds ${frameCount} pages, and not one more`, async () => {
    const context = { volumeId, pageSize };
    const frame = await encodeFrame(noisePages(pageSize, frameCount), context, compute);
    expect(await decodeFrame(frame, { ...context, objectName }, compute)).toHaveLength(frameCount);
    const pageSet = pageRange(1, frameCount + 1);
    const data = new Uint8Array((frameCount + 1) * pageSize);
    const hash = frameHash(pageSet, data, volumeId, compute);
    const more: Frame = { pageSet, codec: "raw", hash, data };
    await expect(decodeFrame(more, { ...context, objectName }, compute)).rejects.toMatchObject({
      code: "corrupt",
    });
  });

  test("a segment holds 32 MiB of pages, compressed, and not one page more", async () => {
    const count = SEGMENT_SIZE_MAX / pageSize;
    const page = new Uint8Array(pageSize).fill(7);
    const pages = Array.from({ length: count + 1 }, (_, at) => ({
      index: toPageIndex(at + 1),
      data: page,
    }));
    const options = { volumeId, segmentId: createSegmentId(ids), pageSize };
    const { bytes } = await buildSegment(pages.slice(0, count), options, compute);
    expect((await readWholeSegment(bytes, objectName, compute)).pageSet.cardinality).toBe(count);
    await expect(buildSegment(pages, options, compute)).rejects.toMatchObject({
      code: "resource-exhausted",
    });
  });

  test("a segment of raw frames ends within 32 MiB, its footer included", async () => {
    const builder = new SegmentBuilder({ volumeId, segmentId: createSegmentId(ids), pageSize });
    const data = new Uint8Array(frameCount * pageSize);
    for (let first = 1; ; first += frameCount) {
      const pageSet = pageRange(first, first + frameCount - 1);
      const hash = frameHash(pageSet, data, volumeId, compute);
      const frame: Frame = { pageSet, codec: "raw", hash, data };
      if (!builder.hasSpaceFor(frame)) break;
      builder.add(frame);
    }
    const { bytes } = builder.finish(compute);
    expect(bytes.length).toBeLessThanOrEqual(SEGMENT_SIZE_MAX);
    expect(bytes.length).toBeGreaterThan(SEGMENT_SIZE_MAX - 2 * FRAME_SIZE_MAX);
    const footer = await readWholeSegment(bytes, objectName, compute);
    expect(footer.frames).toHaveLength(builder.frameCount);
  });

  test("a commit carries 128 KiB of pages, and not one page more", async () => {
    const count = INLINE_PAGES_SIZE_MAX / pageSize;
    const frames = async (pages: readonly Page[]): Promise<Frame[]> => {
      const made: Frame[] = [];
      for (let at = 0; at < pages.length; at += frameCount) {
        const part = pages.slice(at, at + frameCount);
        made.push(await encodeFrame(part, { volumeId, pageSize }, compute));
      }
      return made;
    };
    const pages = noisePages(pageSize, count + 1);
    const legal = record({ pageSize, inlineFrames: await frames(pages.slice(0, count)) });
    expect(roundTrip(legal).inlineFrames).toHaveLength(legal.inlineFrames.length);
    const illegal = record({ pageSize, inlineFrames: await frames(pages) });
    expect(() => encodeCommitRecord(illegal, compute)).toThrow(invalid);
  });

  test("a set of pages as sparse as can be makes segments within their footers", async () => {
    const count = 16_384;
    const step = Math.floor(PAGE_INDEX_LAST / count);
    let builder = new SegmentBuilder({ volumeId, segmentId: createSegmentId(ids), pageSize });
    let segments = 1;
    let stored = 0;
    for (let at = 0; at < count; at += frameCount) {
      const indexes = Array.from({ length: frameCount }, (_, page) =>
        toPageIndex((at + page + 1) * step),
      );
      const frame: Frame = {
        pageSet: pageSetOf(indexes),
        codec: "zstd",
        hash: new Uint8Array(16),
        data: new Uint8Array(9),
      };
      if (!builder.hasSpaceFor(frame)) {
        stored += builder.finish(compute).footer.pageSet.cardinality;
        segments++;
        builder = new SegmentBuilder({ volumeId, segmentId: createSegmentId(ids), pageSize });
      }
      builder.add(frame);
    }
    stored += builder.finish(compute).footer.pageSet.cardinality;
    expect(stored).toBe(count);
    expect(segments).toBeLessThanOrEqual(Math.ceil((count * pageSize) / SEGMENT_SIZE_MAX) + 1);
  });
});

/** References to one page each, the pages as far apart as they can be. */
function refs(count: number, frames: readonly FrameEntry[] = []): SegmentRef[] {
  return Array.from({ length: count }, (_, at) => ({
    segmentId: createSegmentId(ids),
    pageSet: pageSetOf([toPageIndex(1 + at * 65_000)]),
    size: 9000,
    frames,
  }));
}

describe("a commit record", () => {
  test("names 65,536 segments, and not one more", () => {
    const segments = refs(COMMIT_SEGMENT_COUNT_MAX);
    expect(roundTrip(record({ segments })).segments).toHaveLength(COMMIT_SEGMENT_COUNT_MAX);
    const more = [
      ...segments,
      ...refs(1).map((ref) => ({ ...ref, pageSet: pageSetOf([PAGE_INDEX_LAST]) })),
    ];
    expect(() => encodeCommitRecord(record({ segments: more }), compute)).toThrow(invalid);
  });

  test("leaves frame indexes beyond 1 MiB to the footers", () => {
    const segments = refs(COMMIT_SEGMENT_COUNT_MAX).map((ref) => {
      const page = toPageIndex(ref.pageSet.first ?? 1);
      const hash = new Uint8Array(16).fill(255);
      const place = { firstPage: page, lastPage: page, offset: 8, size: 100 };
      return { ...ref, frames: [{ ...place, codec: "zstd" as const, hash }] };
    });
    const bytes = encodeCommitRecord(record({ segments }), compute);
    expect(bytes.length).toBeLessThanOrEqual(COMMIT_RECORD_SIZE_MAX);
    const read = decodeCommitRecord(bytes, compute, { objectName });
    const withFrames = read.segments.filter(({ frames }) => frames.length > 0).length;
    expect(read.segments).toHaveLength(COMMIT_SEGMENT_COUNT_MAX);
    expect(withFrames).toBeGreaterThan(COMMIT_FRAME_INDEX_SIZE_MAX / 48);
    expect(withFrames).toBeLessThan(COMMIT_FRAME_INDEX_SIZE_MAX / 26);
  });

  test("takes 16 MiB, and not more", () => {
    // Every page alone in its chunk: some twelve bytes of set for each.
    const sparse = (from: number, count: number): SegmentRef => ({
      ...(refs(1)[0] as SegmentRef),
      pageSet: pageSetOf(Array.from({ length: count }, (_, at) => toPageIndex(from + at * 65_536))),
    });
    const segments = Array.from({ length: 27 }, (_, at) => sparse(1 + at, 65_000));
    const size = (count: number): number =>
      encodeCommitRecord(
        record({ pageSize: toPageSize(512), segments: segments.slice(0, count) }),
        compute,
      ).length;
    const one = size(1);
    const most = Math.min(segments.length, Math.floor(COMMIT_RECORD_SIZE_MAX / one));
    expect(size(most)).toBeLessThanOrEqual(COMMIT_RECORD_SIZE_MAX);
    expect(() => size(most + 1)).toThrow(expect.objectContaining({ code: "resource-exhausted" }));
  });

  test("has 4 KiB of metadata, counted in UTF-8, and not a byte more", () => {
    const half = COMMIT_METADATA_SIZE_MAX / 2;
    const metadata = { message: "ö".repeat(half / 2), appTransactionId: "x".repeat(half) };
    expect(roundTrip(record({ metadata })).metadata).toEqual(metadata);
    const more = { ...metadata, appTransactionId: `${metadata.appTransactionId}x` };
    expect(() => encodeCommitRecord(record({ metadata: more }), compute)).toThrow(invalid);
  });

  test("has 256 shrinks in its tail index, and not one more", () => {
    const shrinks = Array.from({ length: SHRINK_LIST_COUNT_MAX + 1 }, (_, at) => ({
      lsn: toLsn(BigInt(at + 1)),
      lowPageCount: toPageCount(at),
    }));
    const lsn = toLsn(300n);
    const legal = { commits: [], shrinks: shrinks.slice(0, -1) };
    const read = roundTrip(record({ lsn, tailIndex: legal }));
    expect(read.tailIndex?.shrinks).toHaveLength(SHRINK_LIST_COUNT_MAX);
    const illegal = record({ lsn, tailIndex: { commits: [], shrinks } });
    expect(() => encodeCommitRecord(illegal, compute)).toThrow(invalid);
  });

  test("holds the page at 2^32 − 2 of a volume of 2^32 − 2 pages", async () => {
    const pages = [1, 0x8000_0000, 0xffff_fffe].map((index) => ({
      index: toPageIndex(index),
      data: new Uint8Array(4096).fill(3),
    }));
    const frame = await encodeFrame(pages, { volumeId, pageSize: toPageSize(4096) }, compute);
    const read = roundTrip(record({ inlineFrames: [frame] }));
    expect(read.inlineFrames[0]?.pageSet.last).toBe(0xffff_fffe);
    const small = record({ inlineFrames: [frame], pageCount: toPageCount(0xffff_fffd) });
    expect(() => encodeCommitRecord(small, compute)).toThrow(invalid);
  });
});
