import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode, encodedSize } from "./encode.ts";
import { cut, difference, intersection, intersects, union, unionInto } from "./set-operations.ts";
import { Splinter, VALUE_MAX } from "./splinter.ts";

/** Values near the borders of blocks, chunks, partitions and of the whole space. */
const value = fc
  .tuple(
    fc.constantFrom(0, 0x100, 0xfff0, 0x1_0000, 0x2_0100, 0xff_fff0, 0x100_0000, VALUE_MAX - 600),
    fc.oneof(fc.nat(40), fc.nat(600)),
  )
  .map(([base, offset]) => base + offset);

/** A step of a walk. `stride` adds every `step`-th value, which makes bitmaps. */
type Step =
  | { readonly kind: "insert" | "remove"; readonly at: number }
  | { readonly kind: "insertRange" | "removeRange"; readonly at: number; readonly count: number }
  | { readonly kind: "stride"; readonly at: number; readonly count: number; readonly step: number }
  | { readonly kind: "unionInto" | "cut"; readonly values: readonly number[] };

const count = fc.oneof(fc.nat(40), fc.nat(600), fc.nat(70_000));

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("insert" as const, "remove" as const), at: value }),
  fc.record({
    kind: fc.constantFrom("insertRange" as const, "removeRange" as const),
    at: value,
    count,
  }),
  fc.record({
    kind: fc.constant("stride" as const),
    at: value,
    count: fc.nat(3000),
    step: fc.integer({ min: 2, max: 5 }),
  }),
  fc.record({
    kind: fc.constantFrom("unionInto" as const, "cut" as const),
    values: fc.array(value, { maxLength: 60 }),
  }),
);

const walk = fc.array(step, { minLength: 1, maxLength: 12 });

describe("a set of numbers as the model", () => {
  test("a walk of changes leaves the same members", () => {
    fc.assert(
      fc.property(walk, fc.array(value, { maxLength: 10 }), (steps, probes) => {
        const { set, model } = walked(steps);
        const members = sorted(model);
        expect(set.cardinality).toBe(members.length);
        expect(sameNumbers([...set], members)).toBe(true);
        expect(set.isEmpty).toBe(members.length === 0);
        expect(set.first).toBe(members[0]);
        expect(set.last).toBe(members.at(-1));
        for (const probe of probes) {
          const from = members.filter((member) => member >= probe);
          expect(set.contains(probe)).toBe(model.has(probe));
          expect(set.firstFrom(probe)).toBe(from[0]);
          expect(set.countRange(probe, VALUE_MAX)).toBe(from.length);
          expect(set.countRange(0, probe)).toBe(
            members.length - from.length + (model.has(probe) ? 1 : 0),
          );
          expect(sameNumbers([...set.values(probe)], from)).toBe(true);
        }
        expect([...set.ranges()]).toEqual(rangesOf(members));
      }),
      { numRuns: 120 },
    );
  });

  test("a walk of changes leaves a set that survives a round trip", () => {
    fc.assert(
      fc.property(walk, (steps) => {
        const { set, model } = walked(steps);
        const bytes = encode(set);
        expect(encodedSize(set)).toBe(bytes.length);
        const decoded = decode(bytes);
        expect(decoded.equals(set) && set.equals(decoded)).toBe(true);
        expect(encode(decoded)).toEqual(bytes);
        expect(encode(Splinter.from([...model].reverse()))).toEqual(bytes);
        expect(decoded.containerSize).toBeLessThanOrEqual(16 * bytes.length);
      }),
      { numRuns: 120 },
    );
  });

  test("operations on two walks give what they give on sets of numbers", () => {
    fc.assert(
      fc.property(walk, walk, (stepsA, stepsB) => {
        const [a, b] = [walked(stepsA), walked(stepsB)];
        const membersA = sorted(a.model);
        const common = membersA.filter((member) => b.model.has(member));
        const rest = membersA.filter((member) => !b.model.has(member));
        const all = sorted(new Set([...a.model, ...b.model]));
        expect(sameNumbers([...union(a.set, b.set)], all)).toBe(true);
        expect(sameNumbers([...intersection(a.set, b.set)], common)).toBe(true);
        expect(sameNumbers([...difference(a.set, b.set)], rest)).toBe(true);
        expect(intersects(a.set, b.set)).toBe(common.length > 0);
        expect(a.set.equals(b.set)).toBe(rest.length === 0 && common.length === b.model.size);

        const target = a.set.clone();
        const taken = cut(target, b.set);
        expect(sameNumbers([...taken], common)).toBe(true);
        expect(sameNumbers([...target], rest)).toBe(true);
        expect(target.cardinality + taken.cardinality).toBe(a.model.size);
        unionInto(target, taken);
        expect(target.equals(a.set)).toBe(true);
      }),
      { numRuns: 120 },
    );
  });
});

function walked(steps: readonly Step[]): { set: Splinter; model: Set<number> } {
  const set = new Splinter();
  const model = new Set<number>();
  for (const each of steps) {
    apply(each, set, model);
    expect(set.cardinality).toBe(model.size);
  }
  return { set, model };
}

function apply(change: Step, set: Splinter, model: Set<number>): void {
  switch (change.kind) {
    case "insert":
      expect(set.insert(change.at)).toBe(!model.has(change.at));
      model.add(change.at);
      return;
    case "remove":
      expect(set.remove(change.at)).toBe(model.delete(change.at));
      return;
    case "insertRange":
      set.insertRange(change.at, endOf(change.at, change.count));
      for (let at = change.at; at <= endOf(change.at, change.count); at++) {
        model.add(at);
      }
      return;
    case "removeRange":
      set.removeRange(change.at, endOf(change.at, change.count));
      for (let at = change.at; at <= endOf(change.at, change.count); at++) {
        model.delete(at);
      }
      return;
    case "stride":
      for (let at = change.at; at <= endOf(change.at, change.count * change.step); ) {
        set.insert(at);
        model.add(at);
        at += change.step;
      }
      return;
    case "unionInto":
      unionInto(set, Splinter.from(change.values));
      for (const member of change.values) {
        model.add(member);
      }
      return;
    case "cut": {
      const taken = cut(set, Splinter.from(change.values));
      expect([...taken]).toEqual(
        sorted(new Set(change.values)).filter((member) => model.has(member)),
      );
      for (const member of change.values) {
        model.delete(member);
      }
      return;
    }
  }
}

function endOf(first: number, length: number): number {
  return Math.min(first + length, VALUE_MAX);
}

function sorted(members: ReadonlySet<number>): number[] {
  return [...members].sort((a, b) => a - b);
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((member, index) => member === b[index]);
}

function rangesOf(members: readonly number[]): { first: number; last: number }[] {
  const ranges: { first: number; last: number }[] = [];
  for (const member of members) {
    const open = ranges.at(-1);
    if (open !== undefined && open.last + 1 === member) {
      open.last = member;
    } else {
      ranges.push({ first: member, last: member });
    }
  }
  return ranges;
}
