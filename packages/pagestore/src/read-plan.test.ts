import type { CatalogRecord } from "@graft/catalog";
import {
  createClientId,
  createVolumeId,
  type Lsn,
  MutablePageSet,
  PAGE_SIZE_DEFAULT,
  type PageSet,
  toLsn,
  toPageCount,
  toSegmentId,
  unionInto,
} from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { type PageTake, planRead, takeEntries, takesWithin } from "./read-plan.ts";

const means = { clock: new SimulatedClock(), random: new SeededRandom(1) };
const volumeId = createVolumeId(means);
const otherId = createVolumeId(means);
const clientId = createClientId(means);
const SID = Uint8Array.of(0xa0, ...new Array(14).fill(0), 7);

interface Sketch {
  readonly count: number;
  readonly low?: number;
  readonly segments?: readonly (readonly number[])[];
  readonly inline?: readonly number[];
  readonly foreign?: boolean;
}

/** Records from LSN 1 up, as a reader walks them. */
function log(...sketches: readonly Sketch[]): readonly CatalogRecord[] {
  return sketches.map((sketch, at) => record(toLsn(BigInt(at + 1)), sketch)).toReversed();
}

function record(lsn: Lsn, sketch: Sketch): CatalogRecord {
  const { count, low, segments = [], inline = [], foreign = false } = sketch;
  const data = new Uint8Array(1);
  return {
    volumeId,
    lsn,
    clientId,
    timestampMs: 0,
    pageSize: PAGE_SIZE_DEFAULT,
    pageCount: toPageCount(count),
    ...(low === undefined ? {} : { lowPageCount: toPageCount(low) }),
    segments: segments.map((pages, at) => ({
      segmentId: toSegmentId(Uint8Array.of(0xa0, ...new Array(13).fill(0), Number(lsn), at)),
      ...(foreign ? { ownerVolumeId: otherId } : {}),
      pageSet: MutablePageSet.from(pages),
      size: 1000,
      frames: [],
    })),
    inlineFrames:
      inline.length === 0
        ? []
        : [{ pageSet: MutablePageSet.from(inline), codec: "raw", hash: data, data }],
  };
}

interface Walked {
  readonly takes: readonly PageTake[];
  readonly absent: PageSet;
  readonly unresolved: PageSet;
}

/** Goes down a log whose records say nothing of what lies below them. */
function walk(wanted: PageSet, records: Iterable<CatalogRecord>): Walked {
  const takes: PageTake[] = [];
  const absent = new MutablePageSet();
  let unresolved = wanted;
  for (const one of records) {
    const plan = planRead(unresolved, one);
    takes.push(...plan.takes);
    unionInto(absent, plan.absent);
    unresolved = plan.unresolved;
    if (plan.next === undefined) break;
    expect(plan.next.kind).toBe("record");
  }
  return { takes, absent, unresolved };
}

function pages(...indexes: readonly number[]): PageSet {
  return MutablePageSet.from(indexes);
}

/** Which LSN each page comes from; 0 for zeros. */
function answers(plan: Pick<Walked, "takes" | "absent">): Record<number, number> {
  const result: Record<number, number> = {};
  for (const index of plan.absent) result[index] = 0;
  for (const take of plan.takes) {
    const lsn = writerOf(take);
    for (const index of take.pages) {
      expect(result[index], `page ${index} is in two takes`).toBeUndefined();
      result[index] = lsn;
    }
  }
  return result;
}

function writerOf(take: PageTake): number {
  if (take.kind === "inline") return Number(take.lsn);
  return take.kind === "entry" ? Number(take.entry.lsn) : lsnOf(take.ref.segmentId);
}

function lsnOf(segmentId: string): number {
  for (let lsn = 1; lsn < 10; lsn++) {
    for (let at = 0; at < 5; at++) {
      const bytes = Uint8Array.of(0xa0, ...new Array(13).fill(0), lsn, at);
      if (toSegmentId(bytes) === segmentId) return lsn;
    }
  }
  throw new Error(`unknown segment ${segmentId}`);
}

describe("a read plan", () => {
  it("takes the newest version of each page, from segments and inline frames", () => {
    const records = log(
      {
        count: 4,
        segments: [
          [1, 2],
          [3, 4],
        ],
      },
      { count: 4, inline: [2] },
      { count: 4, segments: [[3]] },
    );
    const plan = walk(pages(1, 2, 3, 4), records);
    expect(answers(plan)).toEqual({ 1: 1, 2: 2, 3: 3, 4: 1 });
    expect(plan.unresolved.isEmpty).toBe(true);
  });

  it("touches no segment that shares only a neighbourhood with the wanted pages", () => {
    const records = log(
      { count: 300, segments: [[7]] },
      { count: 300, segments: [[1, 2, 3, 250]] },
      { count: 300, inline: [8, 9] },
    );
    const plan = walk(pages(7), records);
    expect(plan.takes).toHaveLength(1);
    expect(answers(plan)).toEqual({ 7: 1 });
  });

  it("stops walking as soon as all is found", () => {
    let walked = 0;
    const records = log(
      { count: 1, inline: [1] },
      { count: 1, inline: [1] },
      { count: 1, inline: [1] },
    );
    const counted = (function* (): Iterable<CatalogRecord> {
      for (const one of records) {
        walked++;
        yield one;
      }
    })();
    expect(answers(walk(pages(1), counted))).toEqual({ 1: 3 });
    expect(walked).toBe(1);
  });

  it("answers zeros beyond the page count and for what was never written", () => {
    const records = log({ count: 9, inline: [2] });
    const plan = walk(pages(1, 2, 9, 10, 4294967295), records);
    expect(answers(plan)).toEqual({ 1: 0, 2: 1, 9: 0, 10: 0, 4294967295: 0 });
  });

  it("answers zeros for what was cut away and not written again, at every later LSN", () => {
    const records = log(
      { count: 5, inline: [1, 2, 3, 4, 5] },
      { count: 2 },
      { count: 5, inline: [4] },
      { count: 6, inline: [6] },
    );
    const plan = walk(pages(1, 2, 3, 4, 5, 6), records);
    expect(answers(plan)).toEqual({ 1: 1, 2: 1, 3: 0, 4: 3, 5: 0, 6: 4 });
  });

  it("answers zeros for what a folded commit cut away in its middle", () => {
    const records = log(
      { count: 5, inline: [1, 2, 3, 4, 5] },
      { count: 5, low: 2, segments: [[4]] },
    );
    expect(answers(walk(pages(2, 3, 4, 5), records))).toEqual({ 2: 1, 3: 0, 4: 2, 5: 0 });
  });

  it("reads a snapshot before the cut as it was", () => {
    const records = log({ count: 5, inline: [5] }, { count: 2 });
    expect(answers(walk(pages(5), records.slice(1)))).toEqual({ 5: 1 });
  });

  it("says what is left for the record below, and goes on there", () => {
    const records = log(
      { count: 4, inline: [1, 2] },
      { count: 4, inline: [2, 3] },
      { count: 4, inline: [4] },
    );
    const first = walk(pages(1, 2, 4), records.slice(0, 1));
    expect([...first.unresolved]).toEqual([1, 2]);
    const second = walk(first.unresolved, records.slice(1));
    expect(answers(second)).toEqual({ 1: 1, 2: 2 });
    expect(second.unresolved.isEmpty).toBe(true);
  });

  it("names the owner of a segment that another volume holds", () => {
    const [take] = walk(pages(1), log({ count: 1, segments: [[1]], foreign: true })).takes;
    expect(take).toMatchObject({ kind: "segment", ownerVolumeId: otherId });
  });

  it("leaves the wanted set as it was", () => {
    const wanted = pages(1, 2, 3);
    walk(wanted, log({ count: 2, inline: [1] }));
    expect([...wanted]).toEqual([1, 2, 3]);
  });

  it("can be narrowed to some of its pages", () => {
    const plan = walk(pages(1, 2, 3), log({ count: 3, segments: [[1, 2], [3]] }));
    const narrowed = takesWithin(plan.takes, pages(2));
    expect(narrowed).toHaveLength(1);
    expect([...(narrowed[0]?.pages ?? [])]).toEqual([2]);
  });
});

describe("a read plan with a tail index", () => {
  const checkpoint = { lsn: toLsn(3n), hash: new Uint8Array(32) };
  const sketch = { count: 90, inline: [1] };
  const tailIndex = {
    commits: [
      { lsn: toLsn(8n), inlinePageSet: pages(1, 2, 3), segments: [] },
      { lsn: toLsn(5n), segments: record(toLsn(5n), { count: 90, segments: [[4, 5]] }).segments },
    ],
    shrinks: [{ lsn: toLsn(6n), lowPageCount: toPageCount(40) }],
  };
  const head = { ...record(toLsn(9n), sketch), tailIndex };

  it("asks the records that it names for their inline pages, and nothing between", () => {
    const plan = planRead(pages(1, 2, 5, 50, 91), head);
    expect(answers(plan)).toEqual({ 1: 9, 5: 5, 50: 0, 91: 0 });
    expect(plan.inline).toEqual([{ lsn: 8n, pages: pages(2) }]);
    expect(plan.next).toBeUndefined();
  });

  it("leaves the rest to the checkpoint, but for what was cut off since", () => {
    const plan = planRead(pages(1, 7, 41), { ...head, checkpoint });
    expect(answers(plan)).toEqual({ 1: 9, 41: 0 });
    expect([...plan.unresolved]).toEqual([7]);
    expect(plan.next).toEqual({ kind: "checkpoint", ref: checkpoint });
    const entry = { lsn: toLsn(2n), pageSet: pages(6, 7), segmentId: toSegmentId(SID) } as never;
    const left = plan.unresolved.clone();
    expect(answers({ takes: takeEntries(volumeId, [entry], left), absent: left })).toEqual({
      7: 2,
    });
  });

  it("asks nobody when everything was found", () => {
    expect(planRead(pages(1, 4), { ...head, checkpoint }).next).toBeUndefined();
  });

  it("goes to the checkpoint from the record above it, whoever named it", () => {
    const bare = record(toLsn(4n), sketch);
    const next = { kind: "checkpoint", ref: checkpoint };
    expect(planRead(pages(7), { ...bare, checkpoint }).next).toEqual(next);
    expect(planRead(pages(7), bare, checkpoint).next).toEqual(next);
    const higher = record(toLsn(5n), sketch);
    expect(planRead(pages(7), higher, checkpoint).next).toEqual({ kind: "record", checkpoint });
  });
});
