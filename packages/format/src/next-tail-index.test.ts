import {
  createSegmentId,
  type Lsn,
  type PageSet,
  pageSetOf,
  SHRINK_LIST_COUNT_MAX,
  toLsn,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import type { CheckpointRef } from "./commit-record.ts";
import { nextTailIndex, type TailRecord, tailIndexSize } from "./next-tail-index.ts";
import type { TailIndex } from "./tail-index.ts";

const ids = { random: new SeededRandom(1), clock: new SimulatedClock() };
const segmentId = createSegmentId(ids);
const set = (...pages: readonly number[]): PageSet => pageSetOf(pages.map(toPageIndex));
const lsnOf = (value: number): Lsn => toLsn(BigInt(value));
const checkpointAt = (lsn: number): CheckpointRef => ({
  lsn: lsnOf(lsn),
  hash: new Uint8Array(32),
});

interface Sketch {
  readonly inline?: PageSet;
  readonly segment?: PageSet;
  readonly count?: number;
  readonly low?: number;
  readonly checkpoint?: number;
  readonly tailIndex?: TailIndex;
}

function record(lsn: number, sketch: Sketch): TailRecord {
  const { inline, segment, count = 100, low, checkpoint, tailIndex } = sketch;
  return {
    lsn: lsnOf(lsn),
    pageCount: toPageCount(count),
    ...(low === undefined ? {} : { lowPageCount: toPageCount(low) }),
    segments: segment ? [{ segmentId, pageSet: segment, size: 9000, frames: [] }] : [],
    inlineFrames: inline ? [{ pageSet: inline }] : [],
    ...(checkpoint === undefined ? {} : { checkpoint: checkpointAt(checkpoint) }),
    ...(tailIndex === undefined ? {} : { tailIndex }),
  };
}

function next(
  lsn: number,
  sketch: Sketch,
  ...records: readonly TailRecord[]
): ReturnType<typeof nextTailIndex> {
  const { inline = set(), count = 100, low, checkpoint } = sketch;
  return nextTailIndex(
    {
      lsn: lsnOf(lsn),
      pageSet: inline,
      pageCount: toPageCount(count),
      ...(low === undefined ? {} : { lowPageCount: toPageCount(low) }),
      ...(checkpoint === undefined ? {} : { checkpoint: checkpointAt(checkpoint) }),
    },
    records,
  );
}

/** LSN → the pages whose newest version it holds. */
function pagesOf(fields: ReturnType<typeof nextTailIndex>): Record<string, readonly number[]> {
  return Object.fromEntries(
    (fields?.tailIndex.commits ?? []).map(({ lsn, inlinePageSet, segments }) => [
      String(lsn),
      [...(inlinePageSet ?? []), ...segments.flatMap(({ pageSet }) => [...pageSet])],
    ]),
  );
}

const EMPTY: TailIndex = { commits: [], shrinks: [] };

describe("the tail index of a new record", () => {
  test("is empty at LSN 1", () => {
    expect(next(1, { inline: set(1) })).toEqual({ tailIndex: EMPTY });
  });

  test("names the parent's pages before those of the parent's index, each page once", () => {
    const tailIndex: TailIndex = {
      commits: [{ lsn: lsnOf(1), inlinePageSet: set(2, 3, 4), segments: [] }],
      shrinks: [],
    };
    const parent = record(2, { inline: set(1, 5), segment: set(6, 7), tailIndex });
    const fields = next(3, { inline: set(1, 3, 7) }, parent);
    expect(pagesOf(fields)).toEqual({ 2: [5, 6], 1: [2, 4] });
    expect(fields?.tailIndex.commits.map(({ lsn }) => lsn)).toEqual([2n, 1n]);
  });

  test("leaves out a commit all of whose pages were written again", () => {
    const parent = record(2, { inline: set(1), tailIndex: EMPTY });
    expect(pagesOf(next(3, { inline: set(1) }, parent))).toEqual({});
  });

  test("drops what the new record cuts off, and says when", () => {
    const parent = record(2, { inline: set(10, 50), count: 60, tailIndex: EMPTY });
    const fields = next(3, { inline: set(55), count: 60, low: 20 }, parent);
    expect(pagesOf(fields)).toEqual({ 2: [10] });
    expect(fields?.tailIndex.shrinks).toEqual([{ lsn: 3n, lowPageCount: 20 }]);
  });

  test("says nothing of a record that only grows", () => {
    const parent = record(2, { count: 10, tailIndex: EMPTY });
    expect(next(3, { count: 20 }, parent)?.tailIndex.shrinks).toEqual([]);
    expect(next(3, { count: 20, low: 10 }, parent)?.tailIndex.shrinks).toEqual([]);
  });

  test("forgets what a newer checkpoint holds, shrinks included", () => {
    const tailIndex: TailIndex = {
      commits: [
        { lsn: lsnOf(6), inlinePageSet: set(6), segments: [] },
        { lsn: lsnOf(5), inlinePageSet: set(5), segments: [] },
      ],
      shrinks: [
        { lsn: lsnOf(5), lowPageCount: toPageCount(70) },
        { lsn: lsnOf(7), lowPageCount: toPageCount(80) },
      ],
    };
    const parent = record(7, { inline: set(7), checkpoint: 3, tailIndex });
    const fields = next(8, { checkpoint: 5 }, parent);
    expect(pagesOf(fields)).toEqual({ 7: [7], 6: [6] });
    expect(fields?.checkpoint?.lsn).toBe(5n);
    expect(fields?.tailIndex.shrinks).toEqual([{ lsn: 7n, lowPageCount: 80 }]);
  });

  test("is empty above a checkpoint at its parent, but for its own shrink", () => {
    const parent = record(7, { inline: set(7), tailIndex: EMPTY });
    const fields = next(8, { inline: set(8), count: 30, checkpoint: 7 }, parent);
    expect(pagesOf(fields)).toEqual({});
    expect(fields?.tailIndex.shrinks).toEqual([{ lsn: 8n, lowPageCount: 30 }]);
  });

  test("keeps the parent's checkpoint when the node knows only an older one", () => {
    const parent = record(7, { checkpoint: 5, tailIndex: EMPTY });
    expect(next(8, { checkpoint: 3 }, parent)?.checkpoint?.lsn).toBe(5n);
    expect(next(8, {}, parent)?.checkpoint?.lsn).toBe(5n);
  });

  test("does not take apart a full shrink list, whose neighbours may have been made one", () => {
    const shrinks = Array.from({ length: SHRINK_LIST_COUNT_MAX }, (_, at) => ({
      lsn: lsnOf(at + 10),
      lowPageCount: toPageCount(at + 1),
    }));
    const full = { commits: [], shrinks };
    const parent = record(900, { count: 5000, checkpoint: 3, tailIndex: full });
    expect(next(901, { count: 5000, checkpoint: 100 }, parent)?.checkpoint?.lsn).toBe(3n);
    expect(next(901, { count: 5000, checkpoint: 900 }, parent)?.checkpoint?.lsn).toBe(900n);
    const fromTheStart = record(900, { count: 5000, tailIndex: full });
    expect(next(901, { count: 5000, checkpoint: 100 }, fromTheStart)?.checkpoint).toBeUndefined();
  });
});

describe("a parent without a tail index", () => {
  test("is walked below, down to a record that has one", () => {
    const fields = next(
      5,
      { inline: set(5) },
      record(4, { inline: set(4, 5) }),
      record(3, { inline: set(3, 4), low: 50 }),
      record(2, {
        inline: set(2, 90),
        tailIndex: {
          commits: [{ lsn: lsnOf(1), inlinePageSet: set(1, 3), segments: [] }],
          shrinks: [],
        },
      }),
    );
    expect(pagesOf(fields)).toEqual({ 4: [4], 3: [3], 2: [2], 1: [1] });
    expect(fields?.tailIndex.shrinks).toEqual([{ lsn: 3n, lowPageCount: 50 }]);
  });

  test("is walked below, down to the checkpoint or LSN 1, and no further", () => {
    const records = [4, 3, 2, 1].map((lsn) => record(lsn, { inline: set(lsn) }));
    expect(pagesOf(next(5, {}, ...records))).toEqual({ 4: [4], 3: [3], 2: [2], 1: [1] });
    let taken = 0;
    const counted = (function* (): Iterable<TailRecord> {
      for (const one of records) {
        taken++;
        yield one;
      }
    })();
    const pageSet = set();
    const place = { lsn: lsnOf(5), pageSet, pageCount: toPageCount(100) };
    expect(pagesOf(nextTailIndex({ ...place, checkpoint: checkpointAt(3) }, counted))).toEqual({
      4: [4],
    });
    expect(taken).toBe(2);
  });

  test("cannot be passed over: too few records say nothing", () => {
    expect(next(5, {})).toBeUndefined();
    expect(next(5, {}, record(4, {}), record(3, {}))).toBeUndefined();
  });
});

test("the size of an index grows with what is in it", () => {
  const commits = Array.from({ length: 64 }, (_, at) => ({
    lsn: lsnOf(64 - at),
    inlinePageSet: set(at + 1),
    segments: [],
  }));
  expect(tailIndexSize(EMPTY)).toBe(0);
  const size = tailIndexSize({ commits, shrinks: [] });
  expect(size).toBeGreaterThan(64 * 20);
  expect(size).toBeLessThan(64 * 100);
});
