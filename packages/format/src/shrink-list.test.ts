import { SHRINK_LIST_COUNT_MAX, toLsn, toPageCount } from "@graft/core";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addToShrinkList, lowestCountSince, type Shrink, shrinkListFault } from "./shrink-list.ts";

const shrink = (lsn: number, count: number): Shrink => ({
  lsn: toLsn(BigInt(lsn)),
  lowPageCount: toPageCount(count),
});
const added = (shrinks: readonly Shrink[]): readonly Shrink[] =>
  shrinks.reduce<readonly Shrink[]>(addToShrinkList, []);

const histories = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat({ max: 400 })), { maxLength: 900 })
  .map((steps) => {
    let lsn = 0;
    return steps.map(([more, count]) => {
      lsn += more;
      return shrink(lsn, count);
    });
  });

describe("a shrink list", () => {
  test("drops what a later shrink made pointless", () => {
    expect(added([shrink(1, 5), shrink(2, 9), shrink(3, 9)])).toEqual([shrink(1, 5), shrink(3, 9)]);
    expect(added([shrink(1, 5), shrink(2, 9), shrink(3, 4)])).toEqual([shrink(3, 4)]);
  });

  test("answers the lowest count since an LSN", () => {
    const list = added([shrink(3, 5), shrink(7, 9)]);
    expect(lowestCountSince(list, undefined)).toBe(5);
    expect(lowestCountSince(list, toLsn(2n))).toBe(5);
    expect(lowestCountSince(list, toLsn(3n))).toBe(9);
    expect(lowestCountSince(list, toLsn(7n))).toBeUndefined();
  });

  test("is bounded and valid, and only widens what the whole history would answer", () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 3000 }), (history, since) => {
        const list = added(history);
        const last = toLsn(history.at(-1)?.lsn ?? 1n);
        expect(shrinkListFault(list, { after: undefined, last })).toBeUndefined();
        const lsn = toLsn(BigInt(since + 1));
        const counts = history
          .filter((entry) => entry.lsn > lsn)
          .map((entry) => entry.lowPageCount);
        const exact = counts.length === 0 ? undefined : Math.min(...counts);
        const answer = lowestCountSince(list, lsn);
        if (exact === undefined) expect(answer).toBeUndefined();
        else expect(answer).toBeLessThanOrEqual(exact);
        if (history.length <= SHRINK_LIST_COUNT_MAX) expect(answer).toBe(exact);
      }),
    );
  });

  test("beyond 256 entries merges the two that differ least into (later LSN, lower count)", () => {
    const full = Array.from({ length: 256 }, (_, at) => shrink(at + 1, at * 10));
    const near = shrink(257, 255 * 10 + 1);
    const list = addToShrinkList(full, near);
    expect(list).toHaveLength(256);
    expect(list.at(-1)).toEqual(shrink(257, 255 * 10));
    const even = addToShrinkList(full, shrink(257, 256 * 10));
    expect(even[0]).toEqual(shrink(2, 0));
  });

  test.each([
    ["LSNs that stand still", [shrink(5, 1), shrink(5, 2)], "expected an LSN in 6 … 9, got 5"],
    ["counts that stand still", [shrink(5, 1), shrink(6, 1)], "the count at LSN 6 does not ascend"],
    ["an LSN above the record's", [shrink(10, 1)], "expected an LSN in 4 … 9, got 10"],
    ["an LSN of the checkpoint", [shrink(3, 1)], "expected an LSN in 4 … 9, got 3"],
    [
      "257 entries",
      Array.from({ length: 257 }, (_, at) => shrink(at + 4, at)),
      "expected at most 256 entries, got 257",
    ],
  ])("with %s is not valid", (_, list, condition) => {
    const fault = shrinkListFault(list, { after: toLsn(3n), last: toLsn(9n) });
    expect(fault).toBe(`shrink list: ${condition}`);
  });
});
