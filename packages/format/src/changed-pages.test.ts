import { pageSetOf, toLsn, toPageCount, toPageIndex } from "@graft/core";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ChangeRecord, changedPages } from "./changed-pages.ts";
import { foldCommits } from "./fold-commits.ts";

interface Step {
  readonly pages: readonly number[];
  readonly pageCount: number;
  readonly low: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc
    .tuple(fc.array(fc.integer({ min: 1, max: 40 })), fc.nat({ max: 40 }), fc.nat({ max: 40 }))
    .map(([pages, pageCount, low]) => ({
      pages: [...new Set(pages)].filter((page) => page <= pageCount).sort((a, b) => a - b),
      pageCount,
      low: Math.min(low, pageCount),
    })),
  { minLength: 1, maxLength: 8 },
);

/** The naïve model: a map from page to the step that wrote it; undefined reads as zeros. */
function apply(before: ReadonlyMap<number, number>, step: Step, at: number): Map<number, number> {
  const after = new Map([...before].filter(([page]) => page <= step.low));
  for (const page of step.pages) after.set(page, at);
  return after;
}

const set = (pages: readonly number[]): ReturnType<typeof pageSetOf> =>
  pageSetOf(pages.map(toPageIndex));

function recordOf(step: Step, at: number): ChangeRecord {
  return {
    lsn: toLsn(BigInt(at + 1)),
    pageCount: toPageCount(step.pageCount),
    ...(step.low < step.pageCount ? { lowPageCount: toPageCount(step.low) } : {}),
    segments: [{ pageSet: set(step.pages.filter((page) => page % 2 === 0)) }],
    inlineFrames: [{ pageSet: set(step.pages.filter((page) => page % 2 === 1)) }],
  };
}

describe("what changed over a range of commits", () => {
  test("holds every page that reads differently, and no page that is gone", () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 7 }), (history, since) => {
        const from = Math.min(since, history.length - 1);
        let state = new Map<number, number>();
        const before = history.slice(0, from).reduce(apply, state);
        state = before;
        history.slice(from).forEach((step, at) => {
          state = apply(state, step, from + at);
        });
        const records = history.map(recordOf).slice(from);
        const changed = changedPages(records);
        const pageCount = history.at(-1)?.pageCount ?? 0;
        expect(changed?.pageCount).toBe(pageCount);
        for (let page = 1; page <= 41; page++) {
          const differs = before.get(page) !== state.get(page);
          if (page > pageCount) expect(changed?.pageSet.contains(page)).toBe(false);
          else if (differs) expect(changed?.pageSet.contains(page), `page ${page}`).toBe(true);
        }
      }),
    );
  });

  test("includes the pages between the lowest count and the final count, written or not", () => {
    const history = [
      { pages: [1, 2, 9], pageCount: 9, low: 9 },
      { pages: [1], pageCount: 4, low: 4 },
      { pages: [7], pageCount: 8, low: 4 },
    ];
    const changed = changedPages(history.map(recordOf));
    expect([...(changed?.pageSet ?? [])]).toEqual([1, 2, 5, 6, 7, 8]);
    expect(changed?.lowPageCount).toBe(4);
  });

  test("is nothing for no commits", () => {
    expect(changedPages([])).toBeUndefined();
  });

  test("refuses commits out of order", () => {
    const records = [1, 3].map((at) => recordOf({ pages: [], pageCount: 1, low: 1 }, at));
    expect(() => changedPages(records)).toThrow("commits fold in LSN order");
  });
});

describe("folded commits", () => {
  test("leave every page as the commits one by one would", () => {
    fc.assert(
      fc.property(steps, steps, (earlier, pending) => {
        const history = [...earlier, ...pending];
        let before = new Map<number, number>();
        earlier.forEach((step, at) => {
          before = apply(before, step, at);
        });
        let after = before;
        pending.forEach((step, at) => {
          after = apply(after, step, earlier.length + at);
        });
        const fold = foldCommits(
          pending.map((step) => ({
            pageSet: set(step.pages),
            pageCount: toPageCount(step.pageCount),
            lowPageCount: toPageCount(step.low),
          })),
        );
        const folded = new Map([...before].filter(([page]) => page <= fold.lowPageCount));
        fold.taken.forEach((pages, at) => {
          for (const page of pages) folded.set(page, earlier.length + at);
        });
        const upTo = history.at(-1)?.pageCount ?? 0;
        for (let page = 1; page <= upTo; page++) expect(folded.get(page)).toBe(after.get(page));
      }),
    );
  });

  test("take each page once, from the newest commit that holds it", () => {
    const fold = foldCommits([
      { pageSet: set([1, 2, 3]), pageCount: toPageCount(3) },
      { pageSet: set([2]), pageCount: toPageCount(3) },
      { pageSet: set([3, 4]), pageCount: toPageCount(4) },
    ]);
    expect(fold.taken.map((pages) => [...pages])).toEqual([[1], [2], [3, 4]]);
    expect([...fold.pageSet]).toEqual([1, 2, 3, 4]);
    expect(fold).toMatchObject({ pageCount: 4, lowPageCount: 3 });
  });

  test("drop a page that was cut off after it was written, even when the volume grew again", () => {
    const fold = foldCommits([
      { pageSet: set([1, 9]), pageCount: toPageCount(9) },
      { pageSet: set([1]), pageCount: toPageCount(5) },
      { pageSet: set([7]), pageCount: toPageCount(9) },
    ]);
    expect([...fold.pageSet]).toEqual([1, 7]);
    expect(fold).toMatchObject({ pageCount: 9, lowPageCount: 5 });
  });

  test("keep a page that the shrinking commit itself wrote after it", () => {
    const grown = { pageSet: set([7]), pageCount: toPageCount(9), lowPageCount: toPageCount(5) };
    const fold = foldCommits([{ pageSet: set([7, 8]), pageCount: toPageCount(9) }, grown]);
    expect(fold.taken.map((pages) => [...pages])).toEqual([[], [7]]);
  });
});
