/**
 * Live inline pages moved into segments, as a checkpoint needs them: pages that small commits
 * carried inside their records come to lie beside each other, compressed together.
 */
import {
  type Clock,
  type Compute,
  createSegmentId,
  inTurn,
  invariant,
  LSN_FIRST,
  type Lsn,
  mapOrdered,
  type Page,
  type PageSet,
  type PageSize,
  pageSetOf,
  type Random,
  takeWholeTurn,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import {
  type BuiltSegment,
  type CheckpointEntry,
  encodeFrame,
  entriesOfSegment,
  entryWithout,
  type Frame,
  SegmentBuilder,
  segmentKey,
  splitIntoFrames,
} from "@graft/format";
import type { CheckpointObjects } from "./checkpoint-objects.ts";

/** Frames encoded side by side. */
const ENCODE_CONCURRENCY = 4;

/** A page, and the commit that wrote it last. */
export interface LivePage extends Page {
  readonly lsn: Lsn;
}

/** Where the pages are now. */
export interface MovedPages {
  readonly entries: readonly CheckpointEntry[];
  readonly segments: readonly BuiltSegment["ref"][];
}

/** What pages are moved with. */
export interface MoveMeans {
  readonly objects: CheckpointObjects;
  readonly compute: Compute;
  readonly clock: Clock;
  readonly random: Random;
}

/** @param pages of one volume, none twice, in any order */
export async function moveInlinePages(
  volumeId: VolumeId,
  pageSize: PageSize,
  pages: readonly LivePage[],
  means: MoveMeans,
  signal: AbortSignal | undefined,
): Promise<MovedPages> {
  const sorted = pages.toSorted((a, b) => a.index - b.index);
  const lsns = new Map(sorted.map(({ index, lsn }) => [index, lsn]));
  const { compute, objects, clock } = means;
  const create = (): SegmentBuilder =>
    new SegmentBuilder({ volumeId, pageSize, segmentId: createSegmentId(means) });
  const builders: SegmentBuilder[] = [];
  const options = { concurrency: ENCODE_CONCURRENCY, signal };
  const encode = (run: readonly Page[], _at: number, each: AbortSignal): Promise<Frame> =>
    inTurn(clock, () => encodeFrame(run, { volumeId, pageSize }, compute), each);
  for await (const frame of mapOrdered(splitIntoFrames(sorted, pageSize), options, encode)) {
    if (builders.at(-1)?.hasSpaceFor(frame) !== true) builders.push(create());
    builders.at(-1)?.add(frame);
  }
  const segments: BuiltSegment["ref"][] = [];
  const entries: CheckpointEntry[] = [];
  for (const builder of builders) {
    // A store may have to put the megabytes together.
    await takeWholeTurn(clock, signal);
    const { ref, parts } = builder.finish(compute);
    await objects.put(segmentKey(volumeId, ref.segmentId), parts, { signal });
    segments.push(ref);
    // All entries of a frame begin as one; the LSN is set when they are told apart.
    for (const entry of entriesOfSegment(LSN_FIRST, ref)) {
      entries.push(...(await inTurn(clock, () => byWriter(entry, lsns), signal)));
    }
  }
  return { entries, segments };
}

/** One entry for each commit whose pages the frame holds. */
function byWriter(
  entry: CheckpointEntry,
  lsns: ReadonlyMap<number, Lsn>,
): readonly CheckpointEntry[] {
  const writers = new Map<Lsn, PageSet>();
  for (const index of entry.pageSet) {
    const lsn = lsns.get(index);
    invariant(lsn !== undefined, "a page was moved with its LSN");
    const set = writers.get(lsn) ?? pageSetOf([]);
    set.insert(toPageIndex(index));
    writers.set(lsn, set);
  }
  return [...writers].flatMap(([lsn, pages]) => {
    const others = entry.pageSet.clone();
    for (const index of pages) others.remove(index);
    const part = entryWithout(entry, others);
    return part === undefined ? [] : [{ ...part, lsn }];
  });
}
