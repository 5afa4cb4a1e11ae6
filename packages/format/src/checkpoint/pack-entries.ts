/**
 * Entries dealt out to blocks: ascending, as few blocks as the target allows, equally full. What is
 * a little more than a block stays one: a block that changes a few times is not cut in a large and
 * a tiny part.
 */
import { invariant } from "@graft/core";
import type { CheckpointEntry } from "./checkpoint-block.ts";
import { entrySizeMax, entryWithin } from "./checkpoint-entries.ts";

/**
 * Bytes of entries in a block, counted at the most they can take: 3/4 of the 64 KiB that are
 * legal, which leaves the count room to be wrong.
 */
export const BLOCK_SIZE_TARGET: number = 48 * 1024;

/** How far one block alone may grow above the target: to 60 KiB. */
const GROWTH = 5 / 4;

/**
 * Blocks of entries; an entry whose pages lie on both sides of a seam is in both, in parts.
 *
 * @param entries ascending by first page, sharing no page
 */
export function* packEntries(
  entries: readonly CheckpointEntry[],
  sizeTarget: number = BLOCK_SIZE_TARGET,
): Generator<readonly CheckpointEntry[]> {
  const sizes = entries.map(entrySizeMax);
  const target = evenTarget(sizes, sizeTarget);
  let at = 0;
  /** Parts of entries that the last seam cut: above it. Ascending. */
  let carried: CheckpointEntry[] = [];
  const take = (): readonly [CheckpointEntry | undefined, number] => {
    const [part] = carried;
    const entry = entries[at];
    if (part !== undefined && (entry === undefined || firstOf(part) < firstOf(entry))) {
      return [carried.shift(), entrySizeMax(part)];
    }
    return [entry, sizes[at++] ?? 0];
  };
  const peek = (): number | undefined => {
    const firsts = [carried[0], entries[at]].filter((entry) => entry !== undefined).map(firstOf);
    return firsts.length === 0 ? undefined : Math.min(...firsts);
  };
  while (peek() !== undefined) {
    const block: CheckpointEntry[] = [];
    let size = 0;
    while (peek() !== undefined && (block.length === 0 || size < target)) {
      const [entry, entrySize] = take();
      invariant(entry !== undefined, "what was seen can be taken");
      block.push(entry);
      size += entrySize;
    }
    const seam = peek();
    if (seam === undefined) {
      yield block;
      return;
    }
    const cut = block.map((entry) => entryWithin(entry, seam, 0xffff_ffff)).filter(isPresent);
    carried = [...carried, ...cut].sort((a, b) => firstOf(a) - firstOf(b));
    yield block.map((entry) => entryWithin(entry, 0, seam - 1)).filter(isPresent);
  }
}

function evenTarget(sizes: readonly number[], sizeTarget: number): number {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= sizeTarget * GROWTH) return Number.POSITIVE_INFINITY;
  return total / Math.ceil(total / sizeTarget);
}

/** Sorts by first page, as a block must be. */
export function sortEntries(entries: Iterable<CheckpointEntry>): readonly CheckpointEntry[] {
  return [...entries].sort((a, b) => firstOf(a) - firstOf(b));
}

function firstOf(entry: CheckpointEntry): number {
  return entry.pageSet.first ?? 0;
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}
