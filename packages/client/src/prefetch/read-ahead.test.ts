import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyOrder } from "./key-order.ts";
import { ReadAhead } from "./read-ahead.ts";

/** An interior page with these children, as small as it may be. */
function interior(children: readonly number[], type = 5): Uint8Array {
  const page = new Uint8Array(512);
  const view = new DataView(page.buffer);
  page[0] = type;
  view.setUint16(3, children.length - 1);
  view.setUint32(8, children.at(-1) ?? 0);
  for (const [at, child] of children.slice(0, -1).entries()) {
    const offset = 512 - 8 * (at + 1);
    view.setUint16(12 + 2 * at, offset);
    view.setUint32(offset, child);
  }
  return page;
}

describe("the order of keys", () => {
  it("goes from child to child, and on to the next parent's", () => {
    const order = new KeyOrder();
    order.learn(3, interior([10, 20]));
    order.learn(10, interior([7, 99, 8]));
    order.learn(20, interior([50, 4]));
    const walk = [7];
    for (let next = order.next(7, 1); next !== undefined; next = order.next(next, 1))
      walk.push(next);
    expect(walk).toEqual([7, 99, 8, 50, 4]);
    expect([order.next(50, -1), order.next(7, -1)]).toEqual([8, undefined]);
  });

  it("of a page that nobody named is that of the file", () => {
    const order = new KeyOrder();
    order.learn(3, interior([10, 20]));
    expect([order.next(77, 1), order.next(77, -1)]).toEqual([78, 76]);
  });

  it("of any bytes, cycles among them, ends", () => {
    const page = fc.uint8Array({ minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(30), page), { maxLength: 20 }),
        fc.nat(30),
        (all, at) => {
          const order = new KeyOrder();
          for (const [index, bytes] of all) order.learn(index, Uint8Array.of(5, ...bytes.slice(1)));
          for (const children of [[4, 5, 4], [at]]) order.learn(4, interior(children));
          for (const direction of [1, -1] as const) order.next(at, direction);
        },
      ),
    );
  });
});

/** Reads pages in this order; how often it had to wait, and what was asked for in all. */
function read(order: readonly number[], windowMax = 256): { misses: number; asked: Set<number> } {
  const oracle = new ReadAhead({ next: (page, direction) => page + direction }, windowMax);
  const asked = new Set<number>();
  let misses = 0;
  for (const page of order) {
    if (!asked.has(page)) {
      misses++;
      const { front, back } = oracle.missed(page);
      for (const each of [page, ...front, ...back]) asked.add(each);
    } else if (page === oracle.trigger) {
      for (const each of oracle.reached(page).back) asked.add(each);
    }
  }
  return { misses, asked };
}

function range(from: number, count: number, step = 1): readonly number[] {
  return Array.from({ length: count }, (_, at) => from + at * step);
}

describe("reading ahead", () => {
  it("brings nothing to single lookups", () => {
    const scattered = [900, 17, 444, 5, 2000, 33, 801];
    expect(read(scattered)).toEqual({ misses: 7, asked: new Set(scattered) });
  });

  it("of a scan asks ever more, and at the end about twice what was read", () => {
    const { misses, asked } = read(range(1, 10_000));
    expect(misses).toBeLessThan(10);
    expect(asked.size).toBeLessThan(10_000 + 3 * 256);
    for (const count of [2, 5, 10, 30, 100, 300]) {
      expect(read(range(1, count)).asked.size).toBeLessThanOrEqual(3 * count);
    }
  });

  it("goes backwards as well, and never below page 1", () => {
    const { misses, asked } = read(range(3000, 3000, -1));
    expect(misses).toBeLessThan(10);
    expect(Math.min(...asked)).toBe(1);
  });

  it("tells scans apart that take turns", () => {
    const turns = range(1, 1000).flatMap((page) => [page, 100_000 + page, 900_000 - page]);
    // Triggers are of the scan that moved last: the others wait now and then.
    expect(read(turns).misses).toBeLessThan(80);
  });

  it("starts over after a jump, and never asks for more than its window at once", () => {
    const jumps = range(1, 40).flatMap((at) => range(at * 1000, 12));
    const { misses, asked } = read(jumps, 4);
    expect(misses).toBeLessThan(jumps.length);
    expect(asked.size).toBeLessThanOrEqual(jumps.length + 40 * 5);
  });
});
