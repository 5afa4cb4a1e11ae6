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
          const entry = { version: VERSION_MAX - location, location, stamp: location & 0xffff };
          if (location % 2 === 0) table.insert(page, entry);
          else expect(table.insertIfNew(page, entry.version, location, entry.stamp)).toBe(true);
          expect(table.insertIfNew(page, 1, 1, 1)).toBe(false);
          if (location % 97 === 0) table.reserve(table.count * 3);
          if (location % 89 === 0) table.trim();
          map.set(page, location);
        }
        const seen = new Map<number, number>();
        table.forEach((page, version, location) => {
          expect(version).toBe(VERSION_MAX - location);
          seen.set(page, location);
        });
        expect(seen).toEqual(map);
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

  it("gives back what was reserved for pages that never came", () => {
    const table = new PageTable();
    table.reserve(1_000_000);
    for (let page = 1; page <= 100_000; page++) table.insertIfNew(page, 1, page, 0);
    table.trim();
    expect(table.size / table.count).toBeLessThanOrEqual(24);
    for (let page = 1; page <= 100_000; page++) {
      expect(table.locationOf(table.find(page))).toBe(page);
    }
  });

  it("takes at most 22 bytes a page once it is large", () => {
    const table = new PageTable();
    for (let page = 1; page <= 300_000; page++) {
      table.insert(page * 7, { version: 1, location: page, stamp: 0 });
      if (page > 30_000) expect(table.size / page).toBeLessThanOrEqual(22);
    }
  });
});
