import * as fc from "fast-check";
import { expect, it } from "vitest";
import { VERSION_MAX } from "./page-table.ts";
import { type Superseded, SupersededList } from "./superseded-list.ts";

const version = fc.oneof(
  fc.nat({ max: 9 }),
  fc.integer({ min: 2 ** 32 - 2, max: VERSION_MAX - 1 }),
);
const superseded = fc.record({
  page: fc.integer({ min: 1, max: 0xffff_fffe }),
  from: version,
  until: fc.oneof(version, fc.constant(Number.POSITIVE_INFINITY)),
});

function drained(list: SupersededList): Superseded[] {
  const all: Superseded[] = [];
  list.drain((one) => {
    all.push(one);
  });
  return all;
}

it("gives what was put in once, in order, whatever it is", () => {
  fc.assert(
    fc.property(fc.array(superseded, { maxLength: 100, size: "max" }), (some) => {
      const list = new SupersededList();
      for (const one of some) list.push(one);
      expect(drained(list)).toEqual(some);
      for (const one of some) list.push(one);
      expect(drained(list)).toEqual(some);
      expect(drained(list)).toEqual([]);
    }),
  );
});

it("takes as many as a large volume has pages", () => {
  const list = new SupersededList();
  for (let page = 1; page <= 100_000; page++) list.push({ page, from: page, until: page + 1 });
  let next = 1;
  list.drain(({ page, from, until }) => {
    if (page !== next || from !== next || until !== next + 1) throw new Error(`page ${next}`);
    next++;
  });
  expect(next).toBe(100_001);
});
