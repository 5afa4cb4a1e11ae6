import { describe, expect, test } from "vitest";
import { Splinter, VALUE_MAX } from "./splinter.ts";

describe("Splinter", () => {
  test("an empty set has no member, no first and no last", () => {
    const set = new Splinter();
    expect(set.isEmpty).toBe(true);
    expect(set.cardinality).toBe(0);
    expect(set.first).toBeUndefined();
    expect(set.last).toBeUndefined();
    expect(set.firstFrom(0)).toBeUndefined();
    expect([...set]).toEqual([]);
    expect([...set.ranges()]).toEqual([]);
    expect(set.contains(0)).toBe(false);
  });

  test("0 and 2^32 - 1 are members like any other", () => {
    const set = Splinter.of(VALUE_MAX, 0);
    expect([...set]).toEqual([0, VALUE_MAX]);
    expect(set.first).toBe(0);
    expect(set.last).toBe(VALUE_MAX);
    expect(set.firstFrom(1)).toBe(VALUE_MAX);
    expect([...set.values(VALUE_MAX)]).toEqual([VALUE_MAX]);
    expect(set.remove(VALUE_MAX)).toBe(true);
    expect([...set]).toEqual([0]);
  });

  test("insert and remove say whether they changed the set", () => {
    const set = new Splinter();
    expect(set.insert(70_000)).toBe(true);
    expect(set.insert(70_000)).toBe(false);
    expect(set.cardinality).toBe(1);
    expect(set.remove(69_999)).toBe(false);
    expect(set.remove(70_000)).toBe(true);
    expect(set.remove(70_000)).toBe(false);
    expect(set.isEmpty).toBe(true);
    expect(set.chunkCount).toBe(0);
  });

  test.each([-1, 0.5, VALUE_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY])(
    "%d is refused and never wraps into another value",
    (value) => {
      const set = Splinter.of(0, 1, VALUE_MAX);
      for (const use of [
        () => set.contains(value),
        () => set.insert(value),
        () => set.remove(value),
        () => set.insertRange(value, VALUE_MAX),
        () => set.insertRange(0, value),
        () => set.removeRange(value, VALUE_MAX),
        () => set.removeRange(0, value),
        () => set.countRange(0, value),
        () => set.firstFrom(value),
        () => [...set.values(value)],
      ]) {
        expect(use).toThrow(RangeError);
      }
      expect([...set]).toEqual([0, 1, VALUE_MAX]);
    },
  );

  test("a range that ends before it starts is empty", () => {
    const set = Splinter.of(5);
    set.insertRange(10, 9);
    set.insertRange(200_000, 1);
    set.removeRange(6, 5);
    set.removeRange(200_000, 1);
    expect([...set]).toEqual([5]);
    expect(set.countRange(5, 4)).toBe(0);
    expect(set.countRange(200_000, 1)).toBe(0);
    expect(Splinter.fromRange(1, 0).isEmpty).toBe(true);
  });

  test("ranges are joined across chunks", () => {
    const set = Splinter.fromRange(60_000, 200_000);
    set.insert(200_002);
    expect([...set.ranges()]).toEqual([
      { first: 60_000, last: 200_000 },
      { first: 200_002, last: 200_002 },
    ]);
    expect([...set.ranges(131_072)]).toEqual([
      { first: 131_072, last: 200_000 },
      { first: 200_002, last: 200_002 },
    ]);
  });

  test("a range that ends with a chunk is not joined to a later start", () => {
    const set = Splinter.fromRange(1, 65_535);
    set.insertRange(65_537, 65_540);
    set.insertRange(131_072, 131_073);
    expect([...set.ranges()]).toEqual([
      { first: 1, last: 65_535 },
      { first: 65_537, last: 65_540 },
      { first: 131_072, last: 131_073 },
    ]);
  });

  test("a range that ends with a chunk is not joined to a chunk further on", () => {
    const set = Splinter.of(65_535, 131_072);
    expect([...set.ranges()]).toEqual([
      { first: 65_535, last: 65_535 },
      { first: 131_072, last: 131_072 },
    ]);
  });

  test("values start at the asked one, or at the next that is there", () => {
    const set = Splinter.of(1, 5, 65_536, 65_540);
    expect([...set.values(5)]).toEqual([5, 65_536, 65_540]);
    expect([...set.values(6)]).toEqual([65_536, 65_540]);
    expect([...set.values(65_541)]).toEqual([]);
  });

  test("a copy and its original change apart", () => {
    const set = stride(0, 70_000, 2);
    set.insertRange(200_000, 300_000);
    const copy = set.clone();
    expect(copy.equals(set)).toBe(true);
    copy.remove(0);
    copy.removeRange(250_000, 250_010);
    set.insert(1);
    expect(copy.contains(1)).toBe(false);
    expect(set.contains(0)).toBe(true);
    expect(set.contains(250_005)).toBe(true);
    expect(copy.equals(set)).toBe(false);
  });

  test("clear leaves an empty set", () => {
    const set = Splinter.fromRange(1, 1000);
    set.clear();
    expect(set.isEmpty).toBe(true);
    expect(set.equals(new Splinter())).toBe(true);
  });
});

describe("cost of a set", () => {
  test("ten million values in a row are 153 runs", () => {
    const set = Splinter.fromRange(1, 10_000_000);
    expect(set.cardinality).toBe(10_000_000);
    expect(set.chunkCount).toBe(153);
    expect(set.containerSize).toBe(153 * 16);
  });

  test("all values are a run for each chunk, and one range", () => {
    const set = Splinter.fromRange(0, VALUE_MAX);
    expect(set.cardinality).toBe(2 ** 32);
    expect(set.containerSize).toBe(65_536 * 16);
    expect([...set.ranges()]).toEqual([{ first: 0, last: VALUE_MAX }]);
    set.removeRange(1, VALUE_MAX - 1);
    expect([...set]).toEqual([0, VALUE_MAX]);
    expect(set.chunkCount).toBe(2);
  });

  test("no chunk takes more than twice a bitmap, whatever is in it", () => {
    for (const step of [2, 3, 7, 30, 31, 32, 33, 64, 1000]) {
      const set = stride(0, 65_536, step);
      expect(set.chunkCount).toBe(1);
      expect(set.containerSize).toBeLessThanOrEqual(2 * 8192);
    }
    expect(stride(0, 65_536, 2).containerSize).toBe(8192);
  });

  test("holes that are filled leave no bitmap behind", () => {
    const set = stride(0, 655_360, 2);
    expect(set.containerSize).toBe(10 * 8192);
    for (let value = 1; value < 655_360; value += 2) {
      set.insert(value);
    }
    expect(set.cardinality).toBe(655_360);
    // Trimmed when a bitmap became runs, so at most the 1024 runs it then had.
    expect(set.containerSize).toBeLessThanOrEqual(10 * 4096);
  });
});

function stride(first: number, end: number, step: number): Splinter {
  const set = new Splinter();
  for (let value = first; value < end; value += step) {
    set.insert(value);
  }
  return set;
}
