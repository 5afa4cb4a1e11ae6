import { pageRange, pageSetOf, toPageCount, toPageIndex } from "@graft/core";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PageTally } from "./page-tally.ts";

const COUNT = toPageCount(100_000);

test("sets of any size that share no page are added; the first page that two share is named", () => {
  const set = fc.oneof(
    fc.uniqueArray(fc.integer({ min: 1, max: 3000 }), { maxLength: 5 }),
    fc
      .integer({ min: 1, max: 3000 })
      .map((from) => Array.from({ length: 80 }, (_, at) => from + at)),
  );
  fc.assert(
    fc.property(fc.array(set, { maxLength: 12 }), (sets) => {
      const tally = new PageTally();
      const seen = new Set<number>();
      for (const pages of sets) {
        const double = pages.toSorted((a, b) => a - b).find((page) => seen.has(page));
        const fault = tally.add(pageSetOf(pages.map(toPageIndex)), COUNT);
        expect(fault).toBe(double === undefined ? undefined : `page ${double} is in it twice`);
        if (fault !== undefined) return;
        for (const page of pages) seen.add(page);
      }
    }),
  );
});

test("a page above the page count is named", () => {
  const fault = new PageTally().add(pageRange(9, 11), toPageCount(10));
  expect(fault).toBe("page 11 is above the page count 10");
});
