/**
 * Which blocks of the previous checkpoint are written again. A block answers for the pages from
 * its first up to the next block's first, the first block from page 1, so that a page written
 * between two blocks goes to the one below it:
 *
 *     pages  1 ────────────┬───────────────┬──────────────▶
 *     blocks │ a           │ b             │ c
 *     change      x                           x       x
 *     plan     run 1          kept           run 2
 *
 * Neighbours that change are one run and are packed anew together. A small neighbour of a run
 * joins it, so that small blocks do not pile up.
 */
import type { Lsn, PageCount, PageSet } from "@graft/core";
import type { CheckpointBlockRef, CheckpointRoot } from "./checkpoint-root.ts";

/** A block below this is written again with a neighbour that is: bytes. */
export const SMALL_BLOCK_SIZE: number = 16 * 1024;
/**
 * Objects that a root names at most: of more, the blocks of those that hold least are copied into
 * the new one.
 */
export const BLOCK_OBJECT_COUNT_MAX = 64;
/** Bytes copied for one checkpoint at most, a last block over. */
export const COPY_SIZE_MAX: number = 4 * 1024 * 1024;
/**
 * Each time the log passes a multiple of this, every block is read once to find the segments that
 * no entry names any more. Between, they stay in the root's list.
 */
export const SWEEP_COMMIT_COUNT = 4096n;

/** Blocks that are written again together, and the pages they answer for. */
export interface CheckpointRun {
  readonly firstPage: number;
  readonly lastPage: number;
  /** To be read: they have pages that stay. */
  readonly blocks: readonly CheckpointBlockRef[];
}

/** What becomes of the previous checkpoint's blocks. */
export interface CheckpointPlan {
  /** Ascending. */
  readonly runs: readonly CheckpointRun[];
  /** Named again as they are. */
  readonly kept: readonly CheckpointBlockRef[];
  /** The same bytes at a new place. */
  readonly copied: readonly CheckpointBlockRef[];
  /** Whether kept and copied blocks are read for the segments they name. */
  readonly isSweep: boolean;
}

/** What changed since the previous checkpoint. */
export interface MapChange {
  /** The LSN of the new checkpoint. */
  readonly lsn: Lsn;
  /** Pages written since. */
  readonly pageSet: PageSet;
  /** Above it, what the previous checkpoint holds was cut off. Undefined: nothing was. */
  readonly lowestCount: PageCount | undefined;
}

interface Span {
  readonly firstPage: number;
  readonly lastPage: number;
  readonly block: CheckpointBlockRef;
}

const PAGE_LAST = 0xffff_ffff;

/** Plans the blocks of the next checkpoint. */
export function planCheckpoint(
  previous: CheckpointRoot | undefined,
  change: MapChange,
): CheckpointPlan {
  const isSweep =
    previous !== undefined && previous.lsn / SWEEP_COMMIT_COUNT !== change.lsn / SWEEP_COMMIT_COUNT;
  const blocks = previous?.blocks ?? [];
  if (blocks.length === 0) {
    const runs = change.pageSet.isEmpty ? [] : [{ firstPage: 1, lastPage: PAGE_LAST, blocks: [] }];
    return { runs, kept: [], copied: [], isSweep };
  }
  const spans = blocks.map((block, at) => ({
    firstPage: at === 0 ? 1 : block.firstPage,
    lastPage: (blocks[at + 1]?.firstPage ?? PAGE_LAST + 1) - 1,
    block,
  }));
  const isRewritten = withSmallNeighbours(
    spans,
    spans.map((span) => isChanged(span, change)),
  );
  const untouched = blocks.filter((_, at) => isRewritten[at] !== true);
  const copied = blocksToCopy(untouched);
  return {
    runs: runsOf(spans, isRewritten, change),
    kept: untouched.filter((block) => !copied.has(block)),
    copied: untouched.filter((block) => copied.has(block)),
    isSweep,
  };
}

function isChanged({ firstPage, lastPage, block }: Span, change: MapChange): boolean {
  if (change.lowestCount !== undefined && block.lastPage > change.lowestCount) return true;
  return change.pageSet.countRange(firstPage, lastPage) > 0;
}

function withSmallNeighbours(
  spans: readonly Span[],
  isChangedAt: readonly boolean[],
): readonly boolean[] {
  return spans.map(({ block }, at) => {
    if (isChangedAt[at] === true) return true;
    const hasNeighbour = isChangedAt[at - 1] === true || isChangedAt[at + 1] === true;
    return hasNeighbour && block.size < SMALL_BLOCK_SIZE;
  });
}

function runsOf(
  spans: readonly Span[],
  isRewritten: readonly boolean[],
  { lowestCount }: MapChange,
): readonly CheckpointRun[] {
  const runs: { firstPage: number; lastPage: number; blocks: CheckpointBlockRef[] }[] = [];
  for (const [at, { firstPage, lastPage, block }] of spans.entries()) {
    if (isRewritten[at] !== true) continue;
    const isGone = lowestCount !== undefined && block.firstPage > lowestCount;
    const blocks = isGone ? [] : [block];
    const run = runs.at(-1);
    if (run === undefined || run.lastPage + 1 !== firstPage) {
      runs.push({ firstPage, lastPage, blocks });
    } else {
      run.lastPage = lastPage;
      run.blocks.push(...blocks);
    }
  }
  return runs;
}

/** Of too many objects, the blocks of those that hold least: old objects do not pile up. */
function blocksToCopy(blocks: readonly CheckpointBlockRef[]): ReadonlySet<CheckpointBlockRef> {
  const objects = new Map<string, { size: number; readonly blocks: CheckpointBlockRef[] }>();
  for (const block of blocks) {
    const object = objects.get(block.object) ?? { size: 0, blocks: [] };
    object.size += block.size;
    object.blocks.push(block);
    objects.set(block.object, object);
  }
  const copied = new Set<CheckpointBlockRef>();
  let left = COPY_SIZE_MAX;
  const bySize = [...objects.values()].sort((a, b) => a.size - b.size);
  // One place is the new object's.
  for (const object of bySize.slice(0, Math.max(0, objects.size + 1 - BLOCK_OBJECT_COUNT_MAX))) {
    if (left <= 0) break;
    for (const block of object.blocks) copied.add(block);
    left -= object.size;
  }
  return copied;
}
