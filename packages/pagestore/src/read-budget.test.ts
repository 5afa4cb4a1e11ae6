import { MutablePageSet, type PageSet } from "@graft/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitBudget, lowestOf } from "./read-budget.ts";

function pages(...indexes: readonly number[]): PageSet {
  return MutablePageSet.from(indexes);
}

describe("a read's budget", () => {
  it("covers the lowest pages that fit, and every zero", () => {
    const absent = pages(2, 9);
    const wanted = pages(1, 2, 3, 4, 9);
    const { load, covered } = fitBudget({ wanted, absent, pageSize: 4096, byteBudget: 8192 });
    expect([...load]).toEqual([1, 3]);
    expect([...covered]).toEqual([1, 2, 3, 9]);
  });

  it.each([0, 1, 4095])("covers one page of 4096 on a budget of %i", (byteBudget) => {
    const wanted = pages(5, 6);
    const { load } = fitBudget({ wanted, absent: pages(), pageSize: 4096, byteBudget });
    expect([...load]).toEqual([5]);
  });

  it("prefetches only into the room that is left", () => {
    const prefetch = pages(1, 2, 7, 8, 9);
    const given = { wanted: pages(1, 2), prefetch, absent: pages(8), pageSize: 512 };
    expect([...fitBudget({ ...given, byteBudget: 3 * 512 }).load]).toEqual([1, 2, 7]);
    expect([...fitBudget({ ...given, byteBudget: 2 * 512 }).load]).toEqual([1, 2]);
    const starved = fitBudget({ ...given, byteBudget: 512 });
    expect([...starved.covered]).toEqual([1]);
    expect([...fitBudget({ ...given, byteBudget: 9999 }).covered]).toEqual([1, 2, 7, 8, 9]);
  });

  it("covers something of every request, loads no more than fits, and covers what it loads", () => {
    const sets = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 30 });
    fc.assert(
      fc.property(sets, sets, sets, fc.nat(20_000), (a, b, c, byteBudget) => {
        const [wanted, absent, prefetch] = [pages(...a), pages(...b), pages(...c)];
        const given = { wanted, absent, prefetch, pageSize: 512, byteBudget };
        const { load, covered } = fitBudget(given);
        expect(load.cardinality).toBeLessThanOrEqual(Math.max(1, byteBudget / 512));
        const isCovered = [...wanted].some((index) => covered.contains(index));
        expect(isCovered).toBe(!wanted.isEmpty);
        for (const index of load) {
          expect(covered.contains(index)).toBe(true);
          expect(absent.contains(index)).toBe(false);
        }
        for (const index of covered) {
          expect(wanted.contains(index) || prefetch.contains(index)).toBe(true);
          expect(load.contains(index) || absent.contains(index)).toBe(true);
        }
      }),
    );
  });

  it("takes the lowest members of a set", () => {
    const set = MutablePageSet.fromRange(1, 4_000_000_000);
    expect([...lowestOf(set, 3)]).toEqual([1, 2, 3]);
    expect([...lowestOf(pages(1, 5, 6, 7), 3)]).toEqual([1, 5, 6]);
    expect([...lowestOf(pages(1), 3)]).toEqual([1]);
    expect(lowestOf(set, 0).isEmpty).toBe(true);
  });
});
