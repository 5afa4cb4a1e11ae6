/**
 * The tail index of a new record, from the records below it: its parent's tail index and the
 * parent's own pages, less what the new record writes, cuts off, or finds in a newer checkpoint.
 *
 *     parent   ── has a tail index ──▶ done
 *       │ none
 *       ▼ the record below it ── has one ──▶ done
 *       ▼ … ── at the checkpoint, or LSN 1 ──▶ done
 */
import { type Lsn, type PageCount, type PageSet, SHRINK_LIST_COUNT_MAX } from "@graft/core";
import { difference, encodedSize, intersects, Splinter, unionInto } from "@graft/splinter";
import {
  type CheckpointRef,
  type CommitPages,
  type CommitRecord,
  lowPageCountOf,
} from "./commit-record.ts";
import type { FrameEntry, SegmentRef } from "./segment/segment-ref.ts";
import { takePages } from "./segment/take-pages.ts";
import { addToShrinkList, type Shrink } from "./shrink-list.ts";
import type { TailCommit, TailIndex } from "./tail-index.ts";

/** What is needed of a record below the new one. */
export type TailRecord = Pick<
  CommitRecord,
  "lsn" | "pageCount" | "lowPageCount" | "segments" | "checkpoint" | "tailIndex"
> &
  Pick<CommitPages, "inlineFrames">;

/** What is known of the new record. */
export interface NextRecord {
  readonly lsn: Lsn;
  /** The pages it writes. */
  readonly pageSet: PageSet;
  readonly pageCount: PageCount;
  /** Absent: the page count. */
  readonly lowPageCount?: PageCount;
  /** The newest checkpoint that the committing node knows, below `lsn`. */
  readonly checkpoint?: CheckpointRef | undefined;
}

/** The fields that make a record, with the checkpoint it names, the whole map. */
export interface TailFields {
  readonly checkpoint?: CheckpointRef;
  readonly tailIndex: TailIndex;
}

/** Bytes of an object with an id, an LSN and a size; of a frame entry; tags and sizes included. */
const OBJECT_SIZE = 40;
const FRAME_SIZE = 48;

/**
 * The tail index of a record, and the checkpoint that it goes with: the newest of those that the
 * node and the records name.
 *
 * @param records the parent, and what is below it when the parent has no tail index: newest
 *   first, without a gap; no more are taken than are needed
 * @returns undefined when the records end too early to tell
 */
export function nextTailIndex(
  next: NextRecord,
  records: Iterable<TailRecord>,
): TailFields | undefined {
  const walk = new TailWalk(next);
  if (next.lsn === 1n) return walk.finish([], undefined);
  for (const record of records) {
    walk.sawCheckpoint(record);
    // The checkpoint holds what it says; it is here for its page count.
    if (walk.isInCheckpoint(record.lsn)) return walk.finish([], record.pageCount);
    walk.takeRecord(record);
    if (record.tailIndex !== undefined) return walk.takeIndex(record.tailIndex);
    if (record.lsn === 1n) return walk.finish([], undefined);
  }
  return undefined;
}

/** Bytes that an index takes in a record: about, and rather too many. */
export function tailIndexSize(index: TailIndex): number {
  let size = index.shrinks.length * OBJECT_SIZE;
  for (const commit of index.commits) size += commitSize(commit);
  return size;
}

/** What is kept from index to index is counted once. */
const COMMIT_SIZES = new WeakMap<TailCommit, number>();

function commitSize(commit: TailCommit): number {
  const known = COMMIT_SIZES.get(commit);
  if (known !== undefined) return known;
  const { inlinePageSet, segments } = commit;
  let size = OBJECT_SIZE + (inlinePageSet === undefined ? 0 : encodedSize(inlinePageSet));
  for (const ref of segments) size += segmentSize(ref);
  COMMIT_SIZES.set(commit, size);
  return size;
}

function segmentSize({ pageSet, frames }: SegmentRef): number {
  const frameSize = (frame: FrameEntry): number =>
    FRAME_SIZE + (frame.pageSet === undefined ? 0 : encodedSize(frame.pageSet));
  return frames.reduce((sum, frame) => sum + frameSize(frame), OBJECT_SIZE + encodedSize(pageSet));
}

/** One walk down the log, newest first. */
class TailWalk {
  readonly #next: NextRecord;
  readonly #seen: PageSet = new Splinter();
  readonly #commits: TailCommit[] = [];
  /** Records walked, newest first: each may have cut the one below it. */
  readonly #walked: TailRecord[] = [];
  #checkpoint: CheckpointRef | undefined;
  /** Above it, what older commits wrote was cut off. */
  #lowest: PageCount;

  constructor(next: NextRecord) {
    this.#next = next;
    this.#checkpoint = next.checkpoint;
    this.#lowest = lowPageCountOf(next);
    unionInto(this.#seen, next.pageSet);
  }

  /** NOTE: before anything is taken from the record, and from those below it. */
  sawCheckpoint(record: TailRecord): void {
    const named = record.checkpoint;
    const held = this.#checkpoint;
    const isFull = (record.tailIndex?.shrinks.length ?? 0) >= SHRINK_LIST_COUNT_MAX;
    // A full list may hold neighbours that were made one, and cannot be taken apart at a newer
    // checkpoint: one that the list begins at, or one that makes it needless, has to do.
    if (isFull && named !== undefined && (held?.lsn ?? 0n) < record.lsn) this.#checkpoint = named;
    else if (isFull && (held?.lsn ?? 0n) < record.lsn) this.#checkpoint = undefined;
    else if (named !== undefined && (held === undefined || held.lsn < named.lsn)) {
      this.#checkpoint = named;
    }
  }

  isInCheckpoint(lsn: Lsn): boolean {
    return this.#checkpoint !== undefined && lsn <= this.#checkpoint.lsn;
  }

  takeRecord(record: TailRecord): void {
    const inline = new Splinter();
    for (const frame of record.inlineFrames) unionInto(inline, frame.pageSet);
    this.#take(record.lsn, inline, record.segments, "grows");
    const low = lowPageCountOf(record);
    if (low < this.#lowest) this.#lowest = low;
    this.#walked.push(record);
  }

  takeIndex(index: TailIndex): TailFields {
    const lowest = this.#lowest;
    const first = this.#seen.first ?? 0;
    const last = this.#seen.last ?? 0;
    for (const commit of index.commits) {
      if (this.isInCheckpoint(commit.lsn)) break;
      // Commits of one index share no page: only what was taken before it can be in the way.
      const bounds = boundsOf(commit);
      const isApart = bounds.first > last || bounds.last < first;
      const isUntouched =
        bounds.last <= lowest &&
        (isApart || !setsOf(commit).some((set) => intersects(set, this.#seen)));
      if (isUntouched) this.#commits.push(commit);
      else this.#take(commit.lsn, commit.inlinePageSet, commit.segments, "stays");
    }
    const shrinks = index.shrinks.filter(({ lsn }) => !this.isInCheckpoint(lsn));
    // The record that carries the index is in its list already.
    const carrier = this.#walked.pop();
    return this.finish(shrinks, carrier?.pageCount);
  }

  /** @param pageCount before the oldest record walked; undefined: there was none */
  finish(shrinks: readonly Shrink[], pageCount: PageCount | undefined): TailFields {
    let list = shrinks;
    let before: number = pageCount ?? 0;
    for (const record of [...this.#walked.toReversed(), this.#next]) {
      const lowPageCount = lowPageCountOf(record);
      if (lowPageCount < before) list = addToShrinkList(list, { lsn: record.lsn, lowPageCount });
      before = record.pageCount;
    }
    const tailIndex = { commits: this.#commits, shrinks: list };
    return this.#checkpoint === undefined
      ? { tailIndex }
      : { checkpoint: this.#checkpoint, tailIndex };
  }

  #take(
    lsn: Lsn,
    inline: PageSet | undefined,
    refs: readonly SegmentRef[],
    seen: "grows" | "stays",
  ): void {
    const inlinePageSet = inline && this.#newestOf(inline);
    const segments: SegmentRef[] = [];
    for (const ref of refs) {
      const pages = this.#newestOf(ref.pageSet);
      if (pages.cardinality === ref.pageSet.cardinality) segments.push(ref);
      else {
        const part = takePages(ref, pages, ref.ownerVolumeId);
        if (part !== undefined) segments.push(part);
      }
    }
    const hasInline = inlinePageSet !== undefined && !inlinePageSet.isEmpty;
    if (!hasInline && segments.length === 0) return;
    const commit = hasInline ? { lsn, inlinePageSet, segments } : { lsn, segments };
    this.#commits.push(commit);
    if (seen === "grows") for (const set of setsOf(commit)) unionInto(this.#seen, set);
  }

  #newestOf(pages: PageSet): PageSet {
    const newest = difference(pages, this.#seen);
    newest.removeRange(this.#lowest + 1, 0xffff_ffff);
    return newest;
  }
}

/** Of what is kept from index to index they are looked up once. */
const BOUNDS = new WeakMap<TailCommit, PageBounds>();

interface PageBounds {
  readonly first: number;
  readonly last: number;
}

/** The least and the greatest page of a commit. */
function boundsOf(commit: TailCommit): PageBounds {
  const known = BOUNDS.get(commit);
  if (known !== undefined) return known;
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const set of setsOf(commit)) {
    first = Math.min(first, set.first ?? first);
    last = Math.max(last, set.last ?? 0);
  }
  const bounds = { first, last };
  BOUNDS.set(commit, bounds);
  return bounds;
}

function setsOf({ inlinePageSet, segments }: TailCommit): readonly PageSet[] {
  const sets = segments.map((ref) => ref.pageSet);
  return inlinePageSet === undefined ? sets : [...sets, inlinePageSet];
}
