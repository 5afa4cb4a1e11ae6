/** Entries dealt out to blocks: ascending, each block as full as its target allows. */
import { invariant } from "@graft/core";
import type { CheckpointEntry } from "./checkpoint-block.ts";
import { entrySizeMax, entryWithin } from "./checkpoint-entries.ts";

/**
 * Bytes of entries in a block, counted at the most they can take: 3/4 of the 64 KiB that are
 * legal, which leaves the count room to be wrong.
 */
export const BLOCK_SIZE_TARGET: number = 48 * 1024;

/**
 * Blocks of entries; an entry whose pages lie on both sides of a seam is in both, in parts.
 *
 * @param entries ascending by first page, sharing no page
 */
export function* packEntries(
  entries: readonly CheckpointEntry[],
  sizeTarget: number = BLOCK_SIZE_TARGET,
): Generator<readonly CheckpointEntry[]> {
  let at = 0;
  /** Parts of entries that the last seam cut: above it. Ascending. */
  let carried: CheckpointEntry[] = [];
  const take = (): CheckpointEntry | undefined => {
    const [part] = carried;
    const entry = entries[at];
    if (part !== undefined && (entry === undefined || firstOf(part) < firstOf(entry))) {
      return carried.shift();
    }
    at++;
    return entry;
  };
  const peek = (): number | undefined => {
    const firsts = [carried[0], entries[at]].filter((entry) => entry !== undefined).map(firstOf);
    return firsts.length === 0 ? undefined : Math.min(...firsts);
  };
  while (peek() !== undefined) {
    const block: CheckpointEntry[] = [];
    let size = 0;
    while (peek() !== undefined && (block.length === 0 || size < sizeTarget)) {
      const entry = take();
      invariant(entry !== undefined, "what was seen can be taken");
      block.push(entry);
      size += entrySizeMax(entry);
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
