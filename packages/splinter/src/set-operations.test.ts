import { describe, expect, test } from "vitest";
import {
  cut,
  difference,
  intersection,
  intersects,
  union,
  unionInto,
  within,
} from "./set-operations.ts";
import { Splinter } from "./splinter.ts";

/** Sets of each form: nothing, one run, few runs, many runs, bitmaps, several chunks. */
const shapes: readonly { name: string; set: () => Splinter }[] = [
  { name: "nothing", set: () => new Splinter() },
  { name: "one value", set: () => Splinter.of(4096) },
  { name: "a full chunk", set: () => Splinter.fromRange(0, 70_000) },
  { name: "halves of chunks", set: () => Splinter.fromRange(32_768, 81_920) },
  { name: "many runs", set: () => stride(0, 80_000, 64) },
  { name: "bitmaps", set: () => stride(0, 80_000, 2) },
  { name: "other bitmaps", set: () => stride(1, 80_000, 2) },
  { name: "thirds", set: () => stride(0, 80_000, 3) },
  { name: "far away", set: () => Splinter.fromRange(4_000_000_000, 4_000_000_100) },
];

const pairs = shapes.flatMap((a) => shapes.map((b) => ({ a, b, name: `${a.name} × ${b.name}` })));

describe("set operations", () => {
  test.each(pairs)("$name agree with sets of numbers", ({ a, b }) => {
    const [setA, setB] = [a.set(), b.set()];
    const modelB = new Set(setB);
    const all = [...new Set([...setA, ...setB])].sort((x, y) => x - y);
    const common = [...setA].filter((member) => modelB.has(member));
    const apart = [...setA].filter((member) => !modelB.has(member));
    expectMembers(union(setA, setB), all);
    expectMembers(intersection(setA, setB), common);
    expectMembers(difference(setA, setB), apart);
    expect(intersects(setA, setB)).toBe(common.length > 0);
    expect(setA.equals(a.set()) && setB.equals(b.set())).toBe(true);

    const joined = a.set();
    unionInto(joined, setB);
    expectMembers(joined, all);
    const rest = a.set();
    expectMembers(cut(rest, setB), common);
    expectMembers(rest, apart);
    expect(setB.equals(b.set())).toBe(true);
  });

  test.each(shapes)("a set may be combined with itself: $name", ({ set }) => {
    const self = set();
    expect(union(self, self).equals(self)).toBe(true);
    expect(intersection(self, self).equals(self)).toBe(true);
    expect(difference(self, self).isEmpty).toBe(true);
    expect(intersects(self, self)).toBe(!self.isEmpty);
    unionInto(self, self);
    expect(self.equals(set())).toBe(true);
    expect(cut(self, self).equals(set())).toBe(true);
    expect(self.isEmpty).toBe(true);
  });

  test.each(shapes)("results share nothing with their sources: $name", ({ set }) => {
    const source = set();
    const target = new Splinter();
    unionInto(target, source);
    const results = [
      target,
      union(source, new Splinter()),
      intersection(source, Splinter.fromRange(0, 0xffff_ffff)),
      difference(source, new Splinter()),
    ];
    for (const result of results) {
      result.insertRange(10, 20);
      result.removeRange(100, 300_000);
    }
    expect(source.equals(set())).toBe(true);
  });

  test.each(shapes)("within a range is the intersection with it: $name", ({ set }) => {
    const source = set();
    for (const first of [0, 1, 4096, 65_535, 65_536, 70_001, 4_000_000_001]) {
      for (const last of [0, 4096, 65_535, 65_536, 81_919, 4_000_000_050, 0xffff_ffff]) {
        const expected = intersection(source, Splinter.fromRange(first, last));
        expect(within(source, first, last).equals(expected)).toBe(true);
      }
    }
    const part = within(source, 0, 0xffff_ffff);
    part.removeRange(10, 300_000);
    expect(source.equals(set())).toBe(true);
  });

  // A set that costs what it holds for each of these calls takes a minute.
  test("scattered ranges cost what they are, not what was there before", { timeout: 5000 }, () => {
    const values = Array.from({ length: 60_000 }, (_, at) => at * 70_000);
    const set = new Splinter();
    for (const value of values) set.insertRange(value, value);
    expect(set.cardinality).toBe(60_000);
    for (const value of values) within(Splinter.of(0, value, 4_294_967_295), 1, 4_294_967_294);
    for (const value of values.toReversed()) set.removeRange(value, value);
    expect(set.isEmpty).toBe(true);
  });

  test("two sets of the same 256 values that share none do not intersect", () => {
    const even = stride(0, 256, 2);
    const odd = stride(1, 256, 2);
    expect(intersects(even, odd)).toBe(false);
    expect(intersection(even, odd).isEmpty).toBe(true);
    expect(cut(even, odd).isEmpty).toBe(true);
    expect(even.cardinality).toBe(128);
    odd.insert(254);
    expect(intersects(even, odd)).toBe(true);
  });

  test("two bitmaps that share none do not intersect", () => {
    const even = stride(0, 65_536, 2);
    const odd = stride(1, 65_536, 2);
    expect(intersects(even, odd)).toBe(false);
    expect(cut(even, odd).isEmpty).toBe(true);
    expect(union(even, odd).equals(Splinter.fromRange(0, 65_535))).toBe(true);
  });

  test("the union of large ranges stays as small as a range", () => {
    const joined = union(Splinter.fromRange(0, 9_000_000), Splinter.fromRange(5, 10_000_000));
    expect(joined.chunkCount).toBe(153);
    expect(joined.containerSize).toBe(153 * 16);
    expect([...joined.ranges()]).toEqual([{ first: 0, last: 10_000_000 }]);
  });

  test("the union of two bitmaps that fill each other's holes is a run", () => {
    const joined = union(stride(0, 65_536, 2), stride(1, 65_536, 2));
    expect(joined.containerSize).toBe(16);
  });

  test("a cut of few values from a large set leaves its other chunks alone", () => {
    const wanted = Splinter.fromRange(0, 0xffff_ffff);
    const taken = cut(wanted, Splinter.of(3, 70_000, 4_000_000_000));
    expect([...taken]).toEqual([3, 70_000, 4_000_000_000]);
    expect(wanted.cardinality).toBe(2 ** 32 - 3);
    expect(wanted.containerSize).toBe(65_536 * 16 + 3 * 16);
  });
});

function expectMembers(set: Splinter, expected: readonly number[]): void {
  const members = [...set];
  expect(set.cardinality).toBe(expected.length);
  expect(members.length).toBe(expected.length);
  expect(members.findIndex((value, index) => value !== expected[index])).toBe(-1);
}

function stride(first: number, end: number, step: number): Splinter {
  const set = new Splinter();
  for (let value = first; value < end; value += step) {
    set.insert(value);
  }
  return set;
}
