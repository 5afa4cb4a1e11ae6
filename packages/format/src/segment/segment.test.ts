import {
  createSegmentId,
  createVolumeId,
  type Page,
  pageRange,
  pageSetOf,
  SEGMENT_SIZE_MAX,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame, type Frame } from "./frame.ts";
import { type BuiltSegment, buildSegment, SegmentBuilder } from "./segment-builder.ts";
import { segmentRefOf } from "./segment-footer.ts";
import { SEGMENT_TAIL_SIZE, SEGMENT_TRAILER } from "./segment-layout.ts";
import {
  frameOf,
  frameRange,
  framesFor,
  readSegmentTail,
  readWholeSegment,
  segmentTailRange,
} from "./segment-reader.ts";

const random = new SeededRandom(1);
const ids = { random, clock: new SimulatedClock() };
const objectName = "volumes/x/segments/y";
const options = (size: number) => ({
  volumeId: createVolumeId(ids),
  segmentId: createSegmentId(ids),
  pageSize: toPageSize(size),
});

function noisePages(indexes: readonly number[], size: number): Page[] {
  return indexes.map((index) => {
    const data = new Uint8Array(size);
    random.fill(data);
    return { index: toPageIndex(index), data };
  });
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

/** Reads pages the way a service does: the tail, what is missing of it, then frames by range. */
async function readByRange(built: BuiltSegment, wanted: readonly number[]) {
  const { bytes } = built;
  let requests = 0;
  const get = ({ offset, size }: { offset: number; size: number }): Uint8Array => {
    requests++;
    return bytes.subarray(offset, offset + size);
  };
  const object = { objectName, size: bytes.length };
  let tail = readSegmentTail(get(segmentTailRange(bytes.length)), object, compute);
  if (tail.kind === "more") tail = readSegmentTail(get(tail.range), object, compute);
  if (tail.kind === "more") throw new Error("a second read is enough");
  const tailRequests = requests;
  const { footer } = tail;
  const ref = segmentRefOf(footer);
  const context = { volumeId: footer.volumeId, pageSize: footer.pageSize, objectName };
  const pages: Page[] = [];
  for (const entry of framesFor(ref, pageSetOf(wanted.map(toPageIndex)))) {
    const frame = frameOf(ref, entry, get(frameRange(entry)), objectName);
    pages.push(...(await decodeFrame(frame, context, compute)));
  }
  return { footer, pages, tailRequests, frameRequests: requests - tailRequests };
}

describe("a segment", () => {
  test("gives back its pages, whole and by range", async () => {
    const indexes = fc.uniqueArray(fc.integer({ min: 1, max: 3000 }), {
      minLength: 1,
      maxLength: 200,
    });
    await fc.assert(
      fc.asyncProperty(indexes, fc.nat(), async (unsorted, at) => {
        const sorted = unsorted.toSorted((a, b) => a - b);
        const pages = noisePages(sorted, 512);
        const built = await buildSegment(pages, options(512), compute);
        const read: Page[] = [];
        const visit = (more: readonly Page[]): void => void read.push(...more);
        const footer = await readWholeSegment(built.bytes, objectName, compute, visit);
        expect(footer).toEqual(built.footer);
        expect(read).toEqual(pages);
        const wanted = sorted[at % sorted.length] ?? 0;
        const part = await readByRange(built, [wanted]);
        expect(part).toMatchObject({ tailRequests: 1, frameRequests: 1 });
        expect(part.pages).toContainEqual(pages.find(({ index }) => index === wanted));
      }),
      { numRuns: 50 },
    );
  });

  test("takes one request for its footer, two when it is beyond the tail", async () => {
    const dense = await buildSegment(noisePages(upTo(2048), 4096), options(4096), compute);
    const one = await readByRange(dense, [1, 64, 65]);
    expect(one).toMatchObject({ tailRequests: 1, frameRequests: 2 });
    const sparse = noisePages(
      upTo(4096).map((at) => at * 70_000 - 69_999),
      512,
    );
    const scattered = await buildSegment(sparse, options(512), compute);
    const two = await readByRange(scattered, [1]);
    expect(two).toMatchObject({ tailRequests: 2, frameRequests: 1 });
    expect(scattered.bytes.length - two.footer.frames.length).toBeGreaterThan(SEGMENT_TAIL_SIZE);
  });

  test("serves a commit that takes a part of it", async () => {
    const built = await buildSegment(noisePages(upTo(200), 512), options(512), compute);
    const ref = { ...built.ref, pageSet: pageRange(1, 64) };
    expect(framesFor(ref, pageRange(60, 70))).toHaveLength(1);
    expect(framesFor(built.ref, pageRange(60, 70))).toHaveLength(2);
    expect(framesFor(built.ref, pageSetOf([toPageIndex(900)]))).toHaveLength(0);
  });

  test("does not take a frame for a page between two of its pages", async () => {
    const built = await buildSegment(noisePages([1, 3, 500], 512), options(512), compute);
    expect(framesFor(built.ref, pageSetOf([toPageIndex(2)]))).toHaveLength(0);
    expect(framesFor(built.ref, pageRange(2, 3))).toHaveLength(1);
  });

  test("refuses a frame of fewer bytes than its entry says", async () => {
    const { ref } = await buildSegment(noisePages([1], 512), options(512), compute);
    const [entry] = ref.frames;
    if (entry === undefined) throw new Error("a segment has a frame");
    expect(() => frameOf(ref, entry, new Uint8Array(511), objectName)).toThrow(
      `${objectName} is corrupt: frame of pages 1 … 1: expected 512 bytes, got 511`,
    );
  });
});

describe("the greatest segment", () => {
  test.each([512, 4096, 65_536])("of pages of %i bytes is at most 32 MiB", async (size) => {
    const builder = new SegmentBuilder(options(size));
    const perFrame = Math.min(64, (256 * 1024) / size);
    const { data } = noisePages([1], size)[0] ?? { data: new Uint8Array() };
    let index = 0;
    let next: Frame;
    const { volumeId, pageSize } = options(size);
    for (;;) {
      const pages = upTo(perFrame).map((at) => ({ index: toPageIndex(index + at), data }));
      const { hash, pageSet } = await encodeFrame(pages, { volumeId, pageSize }, compute);
      next = { pageSet, codec: "raw", hash, data: new Uint8Array(size * perFrame) };
      if (!builder.hasSpaceFor(next)) break;
      builder.add(next);
      index += perFrame;
    }
    expect(() => builder.add(next)).toThrow("the segment has space for the frame");
    const { bytes, footer } = builder.finish(compute);
    expect(bytes.length).toBeLessThanOrEqual(SEGMENT_SIZE_MAX);
    expect(bytes.length + size * perFrame + 150_000).toBeGreaterThan(SEGMENT_SIZE_MAX);
    const object = { objectName, size: bytes.length };
    expect(readSegmentTail(bytes, object, compute)).toEqual({ kind: "footer", footer });
  });

  test("has a footer of at most 1 MiB, however small its frames are", () => {
    const builder = new SegmentBuilder(options(512));
    const hash = new Uint8Array(16);
    for (let at = 0; ; at++) {
      const pageSet = pageSetOf([toPageIndex(at * 60_000 + 1)]);
      const frame: Frame = { pageSet, codec: "zstd", hash, data: Uint8Array.of(1) };
      if (!builder.hasSpaceFor(frame)) break;
      builder.add(frame);
    }
    expect(builder.frameCount).toBeGreaterThan(12_000);
    expect(builder.finish(compute).bytes.length).toBeLessThan(1024 * 1024 + 64_000);
  });

  test("refuses more than 32 MiB of pages, however well they compress", async () => {
    const zeros = new Uint8Array(65_536);
    const pages = upTo(513).map((index) => ({ index: toPageIndex(index), data: zeros }));
    await expect(buildSegment(pages, options(65_536), compute)).rejects.toMatchObject({
      code: "resource-exhausted",
    });
    const most = await buildSegment(pages.slice(0, 512), options(65_536), compute);
    expect(most.bytes.length).toBeLessThan(100_000);
  });
});

describe("a damaged segment", async () => {
  const built = await buildSegment(noisePages(upTo(70), 512), options(512), compute);
  const { bytes } = built;
  const changed = (at: number, byte: number): Uint8Array => {
    const copy = bytes.slice();
    copy[at < 0 ? copy.length + at : at] = byte;
    return copy;
  };
  test.each([
    ["magic", changed(0, 0), "it does not begin with the magic GRFT"],
    ["kind", changed(4, 2), "expected kind 83, got 2"],
    ["version", changed(5, 9), "expected version 1, got 9"],
    ["reserved bytes", changed(6, 1), "its reserved bytes are not zero"],
    ["frame", changed(8, (bytes[8] ?? 0) ^ 1), "frame of pages 1 … 64: its hash does not match"],
    ["last magic", changed(-1, 0), "it does not end with the magic TFRG"],
    ["footer size", changed(-SEGMENT_TRAILER.size, 1), "expected a footer of at most"],
    ["footer", changed(-20, (bytes.at(-20) ?? 0) ^ 1), "its checksum does not match its bytes"],
    ["length", bytes.subarray(1), "its frames end at"],
    ["size", new Uint8Array(10), "expected a segment of 35 … 33554432 bytes, got 10"],
  ])("with another %s is refused by name", async (_, damaged, condition) => {
    await expect(readWholeSegment(damaged, objectName, compute)).rejects.toThrow(
      `${objectName} is corrupt: ${condition}`,
    );
  });

  test("with any one bit flipped is refused", async () => {
    const step = 97;
    for (let bit = 0; bit < bytes.length * 8; bit += step) {
      const copy = bytes.slice();
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const refusal = readWholeSegment(copy, objectName, compute);
      await expect(refusal, `bit ${bit}`).rejects.toMatchObject({ code: "corrupt" });
    }
  });
});
