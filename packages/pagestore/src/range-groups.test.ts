import { createVolumeId, MutablePageSet, toPageIndex } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SegmentFrame } from "./frame-take.ts";
import { GAP_SIZE_MAX, groupRanges, RANGE_SIZE_MAX } from "./range-groups.ts";

const volumeId = createVolumeId({ clock: new SimulatedClock(), random: new SeededRandom(1) });

function frame(objectKey: string, offset: number, size: number): { readonly source: SegmentFrame } {
  const index = toPageIndex(1);
  const entry = {
    firstPage: index,
    lastPage: index,
    offset,
    size,
    codec: "raw",
    hash: new Uint8Array(16),
  } as const;
  return {
    source: { kind: "segment", volumeId, objectKey, ref: { pageSet: new MutablePageSet() }, entry },
  };
}

describe("ranges of frames", () => {
  it("hold every frame once, lie in one object, and are bounded", () => {
    const item = fc.tuple(
      fc.constantFrom("a", "b"),
      fc.nat(40),
      fc.integer({ min: 1, max: 262_144 }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const frames = items.map(([key, slot, size]) => frame(key, slot * 262_144, size));
        const groups = groupRanges(frames);
        expect(groups.flatMap(({ items: members }) => members)).toHaveLength(frames.length);
        for (const { objectKey, range, items: members } of groups) {
          expect(range.size).toBeLessThanOrEqual(RANGE_SIZE_MAX);
          for (const { source } of members) {
            expect(source.objectKey).toBe(objectKey);
            expect(source.entry.offset).toBeGreaterThanOrEqual(range.offset);
            expect(source.entry.offset + source.entry.size).toBeLessThanOrEqual(
              range.offset + range.size,
            );
          }
        }
      }),
    );
  });

  it("bridge a small gap and no large one", () => {
    const near = groupRanges([frame("a", 0, 10), frame("a", 10 + GAP_SIZE_MAX, 10)]);
    const far = groupRanges([frame("a", 0, 10), frame("a", 11 + GAP_SIZE_MAX, 10)]);
    expect(near).toHaveLength(1);
    expect(far.map(({ range }) => range)).toEqual([
      { offset: 0, size: 10 },
      { offset: 11 + GAP_SIZE_MAX, size: 10 },
    ]);
  });
});
