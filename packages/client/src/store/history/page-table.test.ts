import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_CELL, PageTable, VERSION_MAX } from "./page-table.ts";

describe("a page table", () => {
  it("agrees with a map, whatever is put in and taken out", () => {
    const page = fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 0xffff_fffe }),
    );
    const step = fc.record({ page, isGone: fc.boolean(), location: fc.nat({ max: 0xffff_ffff }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
        const table = new PageTable();
        const map = new Map<number, number>();
        for (const { page, isGone, location } of steps) {
          const cell = table.find(page);
          expect(cell !== NO_CELL).toBe(map.has(page));
          if (cell !== NO_CELL) table.remove(cell);
          map.delete(page);
          if (isGone) continue;
          table.insert(page, {
            version: VERSION_MAX - location,
            location,
            stamp: location & 0xffff,
          });
          map.set(page, location);
        }
        expect(table.count).toBe(map.size);
        for (const [page, location] of map) {
          const cell = table.find(page);
          expect(table.locationOf(cell)).toBe(location);
          expect(table.versionOf(cell)).toBe(VERSION_MAX - location);
          expect(table.stampOf(cell)).toBe(location & 0xffff);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("takes at most 24 bytes a page once it is large", () => {
    const table = new PageTable();
    for (let page = 1; page <= 300_000; page++) {
      table.insert(page * 7, { version: 1, location: page, stamp: 0 });
      if (page > 30_000) expect(table.size / page).toBeLessThanOrEqual(24);
    }
  });
});
