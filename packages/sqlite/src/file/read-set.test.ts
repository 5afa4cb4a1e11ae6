import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReadSet } from "./read-set.ts";

const page = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.integer({ min: 32_700, max: 32_800 }),
  fc.integer({ min: 1, max: 2 ** 32 - 2 }),
);

describe("a read set", () => {
  it("holds the pages that were added since the counter last rose, and no others", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: page },
      { weight: 1, arbitrary: fc.constantFrom("show", "write", "rise") },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const set = new ReadSet();
        let model = new Set<number>();
        let counter = 0;
        set.show(counter);
        for (const one of steps) {
          if (typeof one === "number") {
            set.add(one);
            model.add(one);
          } else if (one === "show") {
            set.show(counter);
          } else if (one === "write") {
            set.noteWritten(++counter);
            set.show(counter);
          } else {
            set.show(++counter);
            model = new Set();
          }
          expect([...set.pages]).toEqual([...model].sort((a, b) => a - b));
        }
      }),
    );
  });

  it("keeps what SQLite has when a commit failed and its counter is shown again", () => {
    const set = new ReadSet();
    set.show(7);
    set.add(5);
    set.noteWritten(8);
    set.show(7);
    set.show(8);
    expect([...set.pages]).toEqual([5]);
  });

  it("of a hundred thousand scattered pages is small, and lacks none of them", () => {
    const set = new ReadSet();
    const pages = Array.from({ length: 100_000 }, (_, at) => 1 + ((at * 7919) % 1_000_003));
    for (const one of pages) set.add(one);
    expect([...set.pages.ranges()].length).toBeLessThanOrEqual(1024);
    expect(pages.every((one) => set.pages.contains(one))).toBe(true);
    expect(set.pages.last).toBe(Math.max(...pages));
  });

  it("stays small however it grows", () => {
    const set = new ReadSet();
    for (let round = 0; round < 3000; round++) {
      set.add(1 + round * 40);
      const count = [...set.pages.ranges()].length;
      expect(count).toBeLessThanOrEqual(1024);
      expect(set.pages.contains(1 + round * 40)).toBe(true);
    }
    for (let round = 0; round < 3000; round++)
      expect(set.pages.contains(1 + round * 40)).toBe(true);
  });

  it("hands out one set as long as nothing is added, and leaves those it handed out alone", () => {
    const set = new ReadSet();
    set.add(3);
    const before = set.pages;
    set.add(3);
    expect(set.pages).toBe(before);
    set.add(4);
    expect([...before]).toEqual([3]);
    expect([...set.pages]).toEqual([3, 4]);
  });
});
