import { pageSetOf, toPageIndex } from "@graft/core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { PageOwners } from "./page-owners.ts";

const page = fc.oneof(
  fc.integer({ min: 1, max: 30 }),
  fc.constantFrom(4095, 4096, 4097, 8191, 8192, 70_000),
);
const steps = fc.array(
  fc.record({
    pages: fc.uniqueArray(page, { maxLength: 12 }),
    low: fc.oneof(fc.constant(100_000), page),
  }),
  { minLength: 1, maxLength: 20 },
);

it("a folded log knows what a naive map knows, after every commit", () => {
  fc.assert(
    fc.property(steps, (commits) => {
      const owners = new PageOwners();
      let model = new Map<number, number>();
      for (const [at, { pages, low }] of commits.entries()) {
        const lsn = at + 1;
        owners.apply(lsn, low, pageSetOf(pages.map((index) => toPageIndex(index))));
        model = new Map([...model].filter(([index]) => index <= low));
        for (const index of pages) model.set(index, lsn);
        expect(owners.count).toBe(model.size);
        for (const index of [...model.keys(), 1, 4096, 70_000]) {
          expect(owners.get(index)).toBe(model.get(index));
        }
        for (const since of [0, Math.floor(lsn / 2), lsn]) {
          const above = [...model.values()].filter((one) => one > since).length;
          expect(owners.countAbove(since)).toBe(above);
        }
      }
    }),
  );
});
