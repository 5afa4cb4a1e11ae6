import { toLsn, toPageCount } from "@graft/core";
import { addToShrinkList, type Shrink } from "@graft/format";
import { expect, it } from "vitest";
import { FoldedLog } from "./map-check.ts";

const shrinkAt = (lsn: number, count: number): Shrink => ({
  lsn: toLsn(BigInt(lsn)),
  lowPageCount: toPageCount(count),
});

/** A volume that grows to a million pages and is cut short, again and again. */
function logOf(shrinks: readonly Shrink[]): FoldedLog {
  const log = new FoldedLog();
  for (const { lsn, lowPageCount } of shrinks) {
    const none = { segments: [], inlineFrames: [] };
    log.apply({ ...none, lsn: toLsn(lsn - 1n), pageCount: toPageCount(1_000_000) } as never);
    log.apply({ ...none, lsn, pageCount: lowPageCount } as never);
  }
  return log;
}

it("a shrink list with merged entries may widen answers, and must not leave out a shrink", () => {
  const shrinks = Array.from({ length: 700 }, (_, at) => shrinkAt(2 * at + 2, 10 + at * 3));
  const log = logOf(shrinks);
  const list = shrinks.reduce(addToShrinkList, [] as readonly Shrink[]);
  expect(list).toHaveLength(256);
  expect(log.shrinkFault(list, undefined)).toBeUndefined();
  expect(log.shrinkFault(list.slice(0, -1), undefined)).toContain("no shrink in it stands for");
  for (const at of [0, 100, 254]) {
    const without = [...list.slice(0, at), ...list.slice(at + 1)];
    const first = shrinks.find(({ lsn }) => lsn > (list[at - 1]?.lsn ?? 0n));
    expect(log.shrinkFault(without, undefined)).toBe(
      `no shrink in it stands for the one to ${first?.lowPageCount} pages at LSN ${first?.lsn}`,
    );
  }
});
