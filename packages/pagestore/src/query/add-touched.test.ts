import { type PageIndex, pageSetOf, toPageIndex } from "@graft/core";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { addTouched } from "./add-touched.ts";

const PAGE = new Uint8Array(512);
const indexes = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 20 });
const setOf = (list: readonly number[]): ReturnType<typeof pageSetOf> =>
  pageSetOf(list.map((index): PageIndex => toPageIndex(index)));
const pagesOf = (list: readonly number[]): { index: PageIndex; data: Uint8Array }[] =>
  list.toSorted((a, b) => a - b).map((index) => ({ index: toPageIndex(index), data: PAGE }));

test("an answer grows by what was touched, first touched first, within its room", () => {
  const settings = fc.record({
    wanted: indexes,
    others: indexes,
    touched: indexes,
    zeros: indexes,
    held: indexes,
    pageCountMax: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(
    fc.property(settings, ({ wanted, others, touched, held, pageCountMax, ...rest }) => {
      const answered = [...new Set([...wanted, ...others])];
      const zeros = rest.zeros.filter((index) => !answered.includes(index));
      const answer = { pages: pagesOf(answered), covered: setOf(answered) };
      const run = {
        touched: () => touched,
        has: () => true,
        page: (index: number) => (zeros.includes(index) ? undefined : PAGE),
        end: "done" as const,
      };
      const grown = addTouched(answer, {
        wanted: setOf(wanted),
        held: setOf(held),
        run,
        pageCountMax,
      });
      const got = grown.pages.map(({ index }) => index as number);
      expect(got).toEqual([...new Set(got)].sort((a, b) => a - b));
      for (const index of wanted) expect(got).toContain(index);
      expect(got.length).toBeLessThanOrEqual(Math.max(pageCountMax, wanted.length));
      // Whatever is covered is either there or reads as zeros.
      const settled = new Set([...got, ...touched.filter((index) => zeros.includes(index))]);
      for (const index of grown.covered) expect(settled).toContain(index);
      for (const index of got) expect(grown.covered.contains(index)).toBe(true);
      const welcome = touched.filter(
        (index) => !wanted.includes(index) && !held.includes(index) && !zeros.includes(index),
      );
      const room = Math.max(0, pageCountMax - wanted.length);
      for (const index of welcome.slice(0, room)) expect(got).toContain(index);
    }),
  );
});

test("a page that has not come yet is not covered", () => {
  const run = {
    touched: () => [2, 3],
    has: (index: number) => index === 2,
    page: () => PAGE,
    end: undefined,
  };
  const answer = { pages: pagesOf([1]), covered: setOf([1]) };
  const grown = addTouched(answer, { wanted: setOf([1]), held: undefined, run, pageCountMax: 9 });
  expect([...grown.covered]).toEqual([1, 2]);
  expect(grown.queryEnd).toBe("stopped");
});
