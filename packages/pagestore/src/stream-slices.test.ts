import { intersection, MutablePageSet, type PageSet } from "@graft/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SLICE_SPAN_MAX, streamSlices } from "./stream-slices.ts";

function pages(...indexes: readonly number[]): PageSet {
  return MutablePageSet.from(indexes);
}

function shapes(
  wanted: PageSet,
  existing: PageSet,
  countMax: number,
): readonly (readonly number[])[] {
  return [...streamSlices(wanted, existing, countMax)].map(({ covered }) => [...covered]);
}

describe("slices of a stream", () => {
  it("hold so many existing pages, and reach to the next", () => {
    const wanted = MutablePageSet.fromRange(1, 9);
    expect(shapes(wanted, pages(1, 2, 5, 6, 8), 2)).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7],
      [8, 9],
    ]);
    expect(shapes(wanted, pages(), 2)).toEqual([[1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    expect(shapes(wanted, wanted, 9)).toHaveLength(1);
    expect(shapes(pages(), pages(), 2)).toEqual([]);
  });

  it("are bounded in what they span, and skip what nobody wants", () => {
    const all = [...streamSlices(pages(1, SLICE_SPAN_MAX + 1, 4_294_967_295), pages(1), 4)];
    expect(all.map(({ covered }) => covered.cardinality)).toEqual([1, 1, 1]);
    const whole = [...streamSlices(MutablePageSet.fromRange(1, 4_294_967_295), pages(7), 4)];
    expect(whole).toHaveLength(256);
  });

  it("share no index, ascend, and are the request together", () => {
    const set = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 80 });
    fc.assert(
      fc.property(set, set, fc.integer({ min: 1, max: 20 }), (a, b, countMax) => {
        const wanted = pages(...a);
        const existing = intersection(wanted, pages(...b));
        const together: number[] = [];
        const loaded: number[] = [];
        for (const { covered, load } of streamSlices(wanted, existing, countMax)) {
          expect(load.cardinality).toBeLessThanOrEqual(countMax);
          expect(covered.isEmpty).toBe(false);
          together.push(...covered);
          loaded.push(...load);
        }
        expect(together).toEqual([...wanted]);
        expect(loaded).toEqual([...existing]);
      }),
    );
  });
});
