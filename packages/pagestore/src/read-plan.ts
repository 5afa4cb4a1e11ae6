/**
 * Which commit has the newest version of each wanted page: a walk down the log, newest first.
 *
 *     remaining = wanted
 *     for each commit, newest first:
 *       take from it what it holds of `remaining`, and strike that off
 *       strike off what is above its low page count: cut away there and not written since, it is zeros
 *     below LSN 1 nothing was ever written: the rest is zeros
 *
 * Sets are met by their members, never by their structure, so no segment is touched that has no
 * wanted page. A commit holds no page above its page count, so an index beyond the end of the
 * snapshot is struck off by the first commit of the walk.
 */

import type { CatalogFrame, CatalogRecord } from "@graft/catalog";
import {
  cut,
  LSN_FIRST,
  type Lsn,
  MutablePageSet,
  type PageSet,
  toLsn,
  unionInto,
  type VolumeId,
} from "@graft/core";
import { lowPageCountOf, type SegmentRef, segmentOwner } from "@graft/format";

/** Pages to take from one place. No page is in two takes of a plan. */
export type PageTake = SegmentTake | InlineTake;

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

/**
 * Where each wanted page is. Takes, `absent` and `unresolved` share no index; together they are
 * `wanted`.
 */
export interface ReadPlan {
  readonly takes: readonly PageTake[];
  /** Indexes that read as zeros. */
  readonly absent: PageSet;
  /** What the commits at hand do not tell: go on at `next`. Empty: the plan is complete. */
  readonly unresolved: PageSet;
  /** The LSN below the last commit walked; undefined below LSN 1. */
  readonly next: Lsn | undefined;
}

/**
 * Plans a read of a snapshot, or goes on with one.
 *
 * @param wanted the pages; with a plan at hand, its `unresolved`
 * @param records commits from the snapshot's LSN (or a plan's `next`) downward, without a gap; the
 *   walk stops as soon as nothing is left to find
 */
export function planRead(wanted: PageSet, records: Iterable<CatalogRecord>): ReadPlan {
  const remaining = wanted.clone();
  const absent = new MutablePageSet();
  const takes: PageTake[] = [];
  let next: Lsn | undefined;
  for (const record of records) {
    takeFromRecord(record, remaining, takes);
    strikeAbove(lowPageCountOf(record), remaining, absent);
    next = record.lsn === LSN_FIRST ? undefined : toLsn(record.lsn - 1n);
    if (next === undefined) strikeAbove(0, remaining, absent);
    if (remaining.isEmpty) break;
  }
  return { takes, absent, unresolved: remaining, next };
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

function takeFromRecord(record: CatalogRecord, remaining: MutablePageSet, takes: PageTake[]): void {
  const { volumeId, lsn } = record;
  for (const ref of record.segments) {
    const pages = cut(remaining, ref.pageSet);
    if (pages.isEmpty) continue;
    takes.push({ kind: "segment", ownerVolumeId: segmentOwner(ref, volumeId), ref, pages });
  }
  for (const [at, frame] of record.inlineFrames.entries()) {
    const pages = cut(remaining, frame.pageSet);
    if (!pages.isEmpty) takes.push({ kind: "inline", volumeId, lsn, at, frame, pages });
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
