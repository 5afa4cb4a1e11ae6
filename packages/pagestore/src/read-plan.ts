/**
 * Where the newest version of each wanted page is, by the record of a snapshot and its checkpoint:
 *
 *     remaining = wanted
 *     take what the record itself holds of `remaining`, and strike that off
 *     strike off what is above its low page count: cut away there and not written since, it is zeros
 *     with a tail index:    take what it names; strike off what is above its lowest shrink;
 *                           the rest is in the checkpoint, or zeros when there is none
 *     without a tail index: the rest is for the record below, down to the checkpoint or LSN 1
 *     what no block of the checkpoint holds was never written: zeros
 *
 * Sets are met by their members, never by their structure, so no segment is touched that has no
 * wanted page. A commit holds no page above its page count, so an index beyond the end of the
 * snapshot is struck off by the first record.
 */

import type { CatalogFrame, CatalogRecord } from "@graft/catalog";
import {
  cut,
  LSN_FIRST,
  type Lsn,
  MutablePageSet,
  type PageSet,
  unionInto,
  type VolumeId,
} from "@graft/core";
import {
  type CheckpointEntry,
  type CheckpointRef,
  lowestCountSince,
  lowPageCountOf,
  type SegmentRef,
  segmentOwner,
} from "@graft/format";

/** Pages to take from one place. No page is in two takes of a plan. */
export type PageTake = SegmentTake | InlineTake | EntryTake;

/** Pages of a segment. Its reference may leave the frame index to the segment's footer. */
export interface SegmentTake {
  readonly kind: "segment";
  readonly ownerVolumeId: VolumeId;
  readonly ref: SegmentRef;
  readonly pages: PageSet;
}

/** Pages of one frame inside a commit record. */
export interface InlineTake {
  readonly kind: "inline";
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  /** Which of the record's inline frames, from 0. */
  readonly at: number;
  readonly frame: CatalogFrame;
  readonly pages: PageSet;
}

/** Pages of one frame that a checkpoint names. */
export interface EntryTake {
  readonly kind: "entry";
  readonly ownerVolumeId: VolumeId;
  readonly entry: CheckpointEntry;
  readonly pages: PageSet;
}

/** Pages inside the record at an older LSN: it says in which of its frames. */
export interface InlinePages {
  readonly lsn: Lsn;
  readonly pages: PageSet;
}

/** Takes, `inline`, `absent` and `unresolved` share no index; together they are `wanted`. */
export interface ReadPlan {
  readonly takes: readonly PageTake[];
  readonly inline: readonly InlinePages[];
  /** Indexes that read as zeros. */
  readonly absent: PageSet;
  /** What the record does not tell. Empty unless there is a `next`. */
  readonly unresolved: PageSet;
  readonly next: NextPlace | undefined;
}

/** Who tells the rest. */
export type NextPlace =
  | { readonly kind: "checkpoint"; readonly ref: CheckpointRef }
  /** The record one below. */
  | { readonly kind: "record"; readonly checkpoint: CheckpointRef | undefined };

/**
 * Plans a read by one record.
 *
 * @param wanted the pages; below another record, what it left unresolved
 * @param known the newest checkpoint that a record above names
 */
export function planRead(
  wanted: PageSet,
  record: CatalogRecord,
  known?: CheckpointRef | undefined,
): ReadPlan {
  const remaining = wanted.clone();
  const absent = new MutablePageSet();
  const takes: PageTake[] = [];
  const inline: InlinePages[] = [];
  takeSegments(record.volumeId, record.segments, remaining, takes);
  takes.push(...takeInline(record, remaining));
  strikeAbove(lowPageCountOf(record), remaining, absent);
  const { tailIndex } = record;
  for (const commit of tailIndex?.commits ?? []) {
    if (remaining.isEmpty) break;
    takeSegments(record.volumeId, commit.segments, remaining, takes);
    if (commit.inlinePageSet === undefined) continue;
    const pages = cut(remaining, commit.inlinePageSet);
    if (!pages.isEmpty) inline.push({ lsn: commit.lsn, pages });
  }
  const lowest = tailIndex && lowestCountSince(tailIndex.shrinks, undefined);
  if (lowest !== undefined) strikeAbove(lowest, remaining, absent);
  const next = remaining.isEmpty ? undefined : nextPlace(record, known);
  if (next === undefined) strikeAbove(0, remaining, absent);
  return { takes, inline, absent, unresolved: remaining, next };
}

/** Takes pages from the inline frames of a record. Those found are struck off. */
export function takeInline(
  record: CatalogRecord,
  remaining: MutablePageSet,
): readonly InlineTake[] {
  const { volumeId, lsn } = record;
  const takes: InlineTake[] = [];
  for (const [at, frame] of record.inlineFrames.entries()) {
    const pages = cut(remaining, frame.pageSet);
    if (!pages.isEmpty) takes.push({ kind: "inline", volumeId, lsn, at, frame, pages });
  }
  return takes;
}

/** Takes pages from entries of a checkpoint. Those found are struck off. */
export function takeEntries(
  volumeId: VolumeId,
  entries: Iterable<CheckpointEntry>,
  remaining: MutablePageSet,
): readonly EntryTake[] {
  const takes: EntryTake[] = [];
  for (const entry of entries) {
    if (remaining.isEmpty) break;
    const pages = cut(remaining, entry.pageSet);
    const ownerVolumeId = entry.ownerVolumeId ?? volumeId;
    if (!pages.isEmpty) takes.push({ kind: "entry", ownerVolumeId, entry, pages });
  }
  return takes;
}

/** The takes of a plan, narrowed to some of its pages. */
export function takesWithin(takes: readonly PageTake[], pages: PageSet): readonly PageTake[] {
  const left = pages.clone();
  const narrowed: PageTake[] = [];
  for (const take of takes) {
    if (left.isEmpty) break;
    const hit = cut(left, take.pages);
    if (!hit.isEmpty) narrowed.push({ ...take, pages: hit });
  }
  return narrowed;
}

function nextPlace(record: CatalogRecord, known: CheckpointRef | undefined): NextPlace | undefined {
  const named = record.checkpoint;
  if (record.tailIndex !== undefined) {
    return named === undefined ? undefined : { kind: "checkpoint", ref: named };
  }
  const newest = named !== undefined && named.lsn >= (known?.lsn ?? 0n) ? named : known;
  if (newest !== undefined && newest.lsn >= record.lsn - 1n) {
    return { kind: "checkpoint", ref: newest };
  }
  return record.lsn === LSN_FIRST ? undefined : { kind: "record", checkpoint: newest };
}

function takeSegments(
  volumeId: VolumeId,
  refs: readonly SegmentRef[],
  remaining: MutablePageSet,
  takes: PageTake[],
): void {
  for (const ref of refs) {
    if (remaining.isEmpty) return;
    const pages = cut(remaining, ref.pageSet);
    if (pages.isEmpty) continue;
    takes.push({ kind: "segment", ownerVolumeId: segmentOwner(ref, volumeId), ref, pages });
  }
}

function strikeAbove(count: number, remaining: MutablePageSet, absent: MutablePageSet): void {
  const last = remaining.last;
  if (last === undefined || last <= count) return;
  const struck = remaining.clone();
  struck.removeRange(0, count);
  remaining.removeRange(count + 1, last);
  unionInto(absent, struck);
}
