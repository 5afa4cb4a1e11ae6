import {
  createSegmentId,
  createVolumeId,
  type Page,
  pageRange,
  pageSetOf,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame } from "./frame.ts";
import { buildSegment } from "./segment-builder.ts";
import { frameOf, framesFor } from "./segment-reader.ts";
import type { SegmentRef } from "./segment-ref.ts";
import { segmentRefFault } from "./segment-ref-body.ts";
import { takePages } from "./take-pages.ts";

const ids = { random: new SeededRandom(1), clock: new SimulatedClock() };
const context = { volumeId: createVolumeId(ids), pageSize: toPageSize(512) };
const indexes = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 300 });
const set = (pages: readonly number[]): ReturnType<typeof pageSetOf> =>
  pageSetOf(pages.map(toPageIndex));

const pagesOf = (sorted: readonly number[]): Page[] =>
  sorted.map((index) => ({ index: toPageIndex(index), data: new Uint8Array(512).fill(index) }));

/** Reads what a reference names through its frames alone. */
async function readAll(ref: SegmentRef, bytes: Uint8Array): Promise<Page[]> {
  const pages: Page[] = [];
  for (const entry of framesFor(ref, ref.pageSet)) {
    const data = bytes.subarray(entry.offset, entry.offset + entry.size);
    const frame = frameOf(ref, entry, data, "x");
    const found = await decodeFrame(frame, { ...context, objectName: "x" }, compute);
    pages.push(...found.filter(({ index }) => ref.pageSet.contains(index)));
  }
  return pages;
}

describe("a part of a segment", () => {
  test("is a valid reference whose frames give its pages, also a part of a part", async () => {
    await fc.assert(
      fc.asyncProperty(indexes, indexes, indexes, async (written, first, second) => {
        const sorted = written.toSorted((a, b) => a - b);
        const options = { ...context, segmentId: createSegmentId(ids) };
        const built = await buildSegment(pagesOf(sorted), options, compute);
        const part = takePages(built.ref, set(first));
        const common = sorted.filter((page) => first.includes(page));
        if (part === undefined) {
          expect(common).toEqual([]);
          return;
        }
        expect(segmentRefFault(part, context)).toBeUndefined();
        expect(await readAll(part, built.bytes)).toEqual(pagesOf(common));
        const less = takePages(part, set(second));
        const rest = common.filter((page) => second.includes(page));
        if (less === undefined) {
          expect(rest).toEqual([]);
          return;
        }
        expect(segmentRefFault(less, context)).toBeUndefined();
        expect(await readAll(less, built.bytes)).toEqual(pagesOf(rest));
      }),
      { numRuns: 60 },
    );
  });

  test("that is all of it is the reference itself, with the owner that is asked for", async () => {
    const options = { ...context, segmentId: createSegmentId(ids) };
    const { ref } = await buildSegment(pagesOf([1, 2, 300]), options, compute);
    expect(takePages(ref, pageRange(1, 400))).toEqual(ref);
    const ownerVolumeId = createVolumeId(ids);
    expect(takePages(ref, pageRange(1, 400), ownerVolumeId)).toEqual({ ...ref, ownerVolumeId });
    expect(takePages(ref, pageRange(3, 299))).toBeUndefined();
  });

  test("drops the frames it does not need", async () => {
    const written = Array.from({ length: 200 }, (_, at) => at + 1);
    const options = { ...context, segmentId: createSegmentId(ids) };
    const { ref } = await buildSegment(pagesOf(written), options, compute);
    expect(ref.frames).toHaveLength(4);
    const part = takePages(ref, pageRange(64, 65));
    expect(part?.frames.map((entry) => entry.pageSet?.cardinality)).toEqual([64, 64]);
  });
});
