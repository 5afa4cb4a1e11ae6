import {
  createClientId,
  createSegmentId,
  createVolumeId,
  type Lsn,
  nextLsn,
  type PageSet,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type CommitRecord, encodeCommitRecord, lowPageCountOf } from "../commit-record.ts";
import { decodeCommitRecord } from "../commit-record-decode.ts";
import { nextTailIndex, type TailFields } from "../next-tail-index.ts";
import { checkpointBlocksName } from "../object-keys.ts";
import { SEGMENT_HEADER } from "../segment/segment-layout.ts";
import type { SegmentRef } from "../segment/segment-ref.ts";
import { lowestCountSince } from "../shrink-list.ts";
import { type CheckpointEntry, decodeCheckpointBlock } from "./checkpoint-block.ts";
import { buildCheckpoint } from "./checkpoint-builder.ts";
import { entriesOfSegment, entriesPageSet } from "./checkpoint-entries.ts";
import { planCheckpoint } from "./checkpoint-plan.ts";
import { blocksChangedSince, blocksFor, changedSince } from "./checkpoint-reader.ts";
import {
  type CheckpointBlockRef,
  type CheckpointRoot,
  decodeCheckpointRoot,
} from "./checkpoint-root.ts";

const PAGE_SIZE = toPageSize(512);
const PAGE_MAX = 70_000;
/** Small, so that a few commits make many blocks. */
const BLOCK_SIZE_TARGET = 700;

interface Step {
  readonly inline: readonly number[];
  readonly segment: readonly number[];
  readonly pageCount: number;
  readonly low: number;
  /** Whether the record leaves its tail index out. */
  readonly isBare: boolean;
  /** Whether a checkpoint is made after it, and whether the next commit knows of it. */
  readonly checkpoint: "none" | "known" | "unknown";
}

const page = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }) },
  fc.constantFrom(255, 256, 257, 65_535, 65_536, 65_537, PAGE_MAX),
);
const count = fc.oneof(
  { weight: 4, arbitrary: fc.constant(PAGE_MAX) },
  fc.integer({ min: 0, max: 80 }),
  fc.constantFrom(256, 65_536),
);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc
    .record({
      inline: fc.uniqueArray(page, { maxLength: 6 }),
      segment: fc.uniqueArray(page, { maxLength: 30 }),
      pageCount: count,
      low: fc.oneof({ weight: 3, arbitrary: fc.constant(PAGE_MAX) }, count),
      isBare: fc.integer({ min: 0, max: 4 }).map((roll) => roll === 0),
      checkpoint: fc.constantFrom<Step["checkpoint"]>("none", "none", "known", "unknown"),
    })
    .map((step) => {
      const kept = (pages: readonly number[]): number[] =>
        pages.filter((index) => index <= step.pageCount).sort((a, b) => a - b);
      const segment = kept(step.segment);
      const inline = kept(step.inline).filter((index) => !segment.includes(index));
      return { ...step, segment, inline, low: Math.min(step.low, step.pageCount) };
    }),
  { minLength: 1, maxLength: 25 },
);

/** A volume whose objects are values. Frames have no data: only who holds what is looked at. */
class MapModel {
  readonly ids = { random: new SeededRandom(1), clock: new SimulatedClock() };
  readonly volumeId = createVolumeId(this.ids);
  readonly clientId = createClientId(this.ids);
  readonly records: CommitRecord[] = [];
  readonly roots = new Map<Lsn, CheckpointRoot>();
  readonly blocks = new Map<string, Uint8Array>();
  /** The naïve map after each commit: page → the LSN that wrote it. */
  readonly states: ReadonlyMap<number, Lsn>[] = [];
  #known: Lsn | undefined;

  commit(step: Step): void {
    const parent = this.records.at(-1);
    const lsn = nextLsn(parent?.lsn);
    const pageCount = toPageCount(step.pageCount);
    const low = step.low < step.pageCount ? { lowPageCount: toPageCount(step.low) } : {};
    const pageSet = setOf([...step.inline, ...step.segment]);
    const checkpoint = this.#known && { lsn: this.#known, hash: new Uint8Array(32) };
    const below = this.records.toReversed();
    const fields: Partial<TailFields> | undefined = step.isBare
      ? {}
      : nextTailIndex(
          { lsn, pageSet, pageCount, ...low, ...(checkpoint && { checkpoint }) },
          below,
        );
    expect(fields).toBeDefined();
    const record: CommitRecord = {
      volumeId: this.volumeId,
      lsn,
      clientId: this.clientId,
      timestampMs: 0,
      pageSize: PAGE_SIZE,
      pageCount,
      ...low,
      ...(parent === undefined ? {} : { parentHash: new Uint8Array(32) }),
      segments: step.segment.length === 0 ? [] : [this.segment(setOf(step.segment))],
      inlineFrames: step.inline.map((index) => ({
        pageSet: setOf([index]),
        codec: "zstd",
        hash: new Uint8Array(16),
        data: new Uint8Array(1),
      })),
      ...fields,
    };
    // What is stored is valid, and says the same after it was read.
    const bytes = encodeCommitRecord(record, compute);
    this.records.push(decodeCommitRecord(bytes, compute, { objectName: `log/${lsn}` }));
    const state = new Map([...(this.states.at(-1) ?? [])].filter(([index]) => index <= step.low));
    for (const index of pageSet) state.set(index, lsn);
    this.states.push(state);
    if (step.checkpoint === "none" || step.isBare) return;
    this.checkpoint(record);
    if (step.checkpoint === "known") this.#known = lsn;
  }

  segment(pageSet: PageSet): SegmentRef {
    const frames: SegmentRef["frames"][number][] = [];
    let offset: number = SEGMENT_HEADER.size;
    const pages = [...pageSet];
    for (let at = 0; at < pages.length; at += 7) {
      const run = pages.slice(at, at + 7);
      frames.push({
        firstPage: toPageIndex(run[0] ?? 0),
        lastPage: toPageIndex(run.at(-1) ?? 0),
        offset,
        size: 100,
        codec: "zstd",
        hash: new Uint8Array(16),
      });
      offset += 100;
    }
    return { segmentId: createSegmentId(this.ids), pageSet, size: offset + 200, frames };
  }

  checkpoint(record: CommitRecord): void {
    const { tailIndex, lsn } = record;
    if (tailIndex === undefined) return;
    const previous = this.rootOf(record);
    const tail = tailIndex.commits.map((commit) => [commit.lsn, commit] as const);
    const inlineOwn = entriesPageSet(record.inlineFrames.map((frame) => ({ ...frame }) as never));
    const own = { inlinePageSet: inlineOwn, segments: record.segments };
    const refs = [[lsn, own] as const, ...tail].flatMap(([at, { inlinePageSet, segments }]) => [
      ...segments.map((ref) => [at, ref] as const),
      // Inline pages move into a segment.
      ...(inlinePageSet === undefined || inlinePageSet.isEmpty
        ? []
        : [[at, this.segment(inlinePageSet)] as const]),
    ]);
    const entries = refs.flatMap(([at, ref]) => entriesOfSegment(at, ref));
    const lowestCount = lowestCountSince(tailIndex.shrinks, undefined);
    const change = { lsn, pageSet: entriesPageSet(entries), lowestCount };
    const built = buildCheckpoint(
      {
        volumeId: this.volumeId,
        pageSize: PAGE_SIZE,
        pageCount: record.pageCount,
        recordHash: new Uint8Array(32),
        previous,
        change,
        plan: planCheckpoint(previous, change),
        entries,
        segments: refs.map(([, { segmentId, size }]) => ({ segmentId, size })),
        shrinks: tailIndex.shrinks,
        blockEntries: (block) => this.entries(block, previous),
        blockBytes: (block) => this.blocks.get(nameOf(block)) ?? new Uint8Array(0),
        untouchedSegments: undefined,
        objectName: checkpointBlocksName(lsn, compute.sha256(new Uint8Array(1)).slice(0, 8)),
        blockSizeTarget: BLOCK_SIZE_TARGET,
      },
      compute,
    );
    const root = decodeCheckpointRoot(built.rootBytes, compute, { objectName: "root" });
    expect(root).toEqual(built.root);
    let offset = 0;
    const written = root.blocks.filter(({ object }) => object.startsWith(lsnHex(lsn)));
    for (const bytes of built.blocks) {
      const ref = written.find((block) => block.offset === offset);
      expect(ref).toBeDefined();
      if (ref !== undefined) this.blocks.set(nameOf(ref), bytes);
      offset += bytes.length;
    }
    this.roots.set(lsn, root);
  }

  rootOf(record: CommitRecord): CheckpointRoot | undefined {
    return record.checkpoint && this.roots.get(record.checkpoint.lsn);
  }

  entries(block: CheckpointBlockRef, root: CheckpointRoot | undefined): readonly CheckpointEntry[] {
    const { firstPage, lastPage } = block;
    const place = { volumeId: this.volumeId, pageSize: PAGE_SIZE, firstPage, lastPage };
    const context = { ...place, lsn: root?.lsn ?? toLsn(1n), objectName: "block" };
    const bytes = this.blocks.get(nameOf(block)) ?? new Uint8Array(0);
    return decodeCheckpointBlock(bytes, block, context, compute);
  }

  /** Who wrote a page, by a record with a tail index and its checkpoint alone. */
  writerOf(index: number, record: CommitRecord): Lsn | undefined {
    const { tailIndex } = record;
    const has = (set: PageSet | undefined): boolean => set?.contains(index) === true;
    if (record.inlineFrames.some(({ pageSet }) => has(pageSet))) return record.lsn;
    if (record.segments.some(({ pageSet }) => has(pageSet))) return record.lsn;
    if (tailIndex === undefined || index > lowPageCountOf(record)) return undefined;
    for (const { lsn, inlinePageSet, segments } of tailIndex.commits) {
      if (has(inlinePageSet) || segments.some(({ pageSet }) => has(pageSet))) return lsn;
    }
    const lowest = lowestCountSince(tailIndex.shrinks, undefined);
    if (lowest !== undefined && index > lowest) return undefined;
    const root = this.rootOf(record);
    if (root === undefined) return undefined;
    for (const block of blocksFor(root, setOf([index]))) {
      const entry = this.entries(block, root).find(({ pageSet }) => has(pageSet));
      if (entry !== undefined) return entry.lsn;
    }
    return undefined;
  }
}

const INTERESTING = [...Array(82).keys(), 255, 256, 257, 65_535, 65_536, 65_537, PAGE_MAX].slice(1);

test("a head record and its checkpoint say of every page what the whole history says", () => {
  fc.assert(
    fc.property(steps, (history) => {
      const model = new MapModel();
      for (const step of history) model.commit(step);
      for (const [at, record] of model.records.entries()) {
        if (record.tailIndex === undefined) continue;
        for (const index of INTERESTING) {
          expect([index, model.writerOf(index, record)]).toEqual([
            index,
            model.states[at]?.get(index),
          ]);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test("what changed since an LSN is what differs, and what was cut off", () => {
  fc.assert(
    fc.property(steps, fc.nat(), (history, seed) => {
      const model = new MapModel();
      for (const step of history) model.commit(step);
      const record = model.records.findLast(({ tailIndex }) => tailIndex !== undefined);
      if (record?.tailIndex === undefined) return;
      const since = BigInt(seed) % record.lsn;
      const from = since === 0n ? undefined : toLsn(since);
      const root = model.rootOf(record);
      const blocks = root === undefined ? [] : blocksChangedSince(root, from);
      const entries = blocks.flatMap((block) => model.entries(block, root));
      const { tailIndex } = record;
      const checkpoint = root && { shrinks: root.shrinks, entries };
      const changed = changedSince(from, { ...record, tailIndex }, checkpoint);
      const before = model.states[Number(since) - 1] ?? new Map<number, Lsn>();
      const after = model.states[Number(record.lsn) - 1] ?? new Map<number, Lsn>();
      const range = model.records.slice(Number(since), Number(record.lsn));
      const lowest = Math.min(...range.map(lowPageCountOf));
      for (const index of INTERESTING) {
        const differs = before.get(index) !== after.get(index);
        const isIn = changed.contains(index);
        const isBelow = index <= record.pageCount;
        if (differs && isBelow) expect([index, isIn]).toEqual([index, true]);
        if (isIn) expect(isBelow && (differs || index > lowest)).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});

function setOf(pages: Iterable<number>): PageSet {
  return pageSetOf([...pages].map(toPageIndex));
}

function nameOf(block: CheckpointBlockRef): string {
  return `${block.object}+${block.offset}`;
}

function lsnHex(lsn: Lsn): string {
  return lsn.toString(16).padStart(16, "0");
}
