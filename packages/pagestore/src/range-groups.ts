import type { ByteRange } from "@graft/core";
import type { SegmentFrame } from "./frame-take.ts";

/**
 * Bytes between two frames that are read and thrown away rather than asked for apart: 5 ms at 100
 * Mbit/s.
 */
export const GAP_SIZE_MAX: number = 64 * 1024;
/** Bytes of one range at most, so that a large read is spread over several requests at once. */
export const RANGE_SIZE_MAX: number = 2 * 1024 * 1024;

/** One request to the store, and the frames it brings. */
export interface RangeGroup<Item> {
  readonly objectKey: string;
  readonly range: ByteRange;
  readonly items: readonly Item[];
}

/** Gathers frames that lie close together in one object into one range each. */
export function groupRanges<Item extends { readonly source: SegmentFrame }>(
  items: readonly Item[],
): readonly RangeGroup<Item>[] {
  const sorted = items.toSorted((a, b) => compare(a.source, b.source));
  const groups: { objectKey: string; offset: number; end: number; items: Item[] }[] = [];
  for (const item of sorted) {
    const { objectKey, entry } = item.source;
    const end = entry.offset + entry.size;
    const group = groups.at(-1);
    const fits =
      group?.objectKey === objectKey &&
      entry.offset - group.end <= GAP_SIZE_MAX &&
      end - group.offset <= RANGE_SIZE_MAX;
    if (group !== undefined && fits) {
      group.items.push(item);
      group.end = Math.max(group.end, end);
    } else {
      groups.push({ objectKey, offset: entry.offset, end, items: [item] });
    }
  }
  return groups.map(({ objectKey, offset, end, items: members }) => ({
    objectKey,
    range: { offset, size: end - offset },
    items: members,
  }));
}

function compare(a: SegmentFrame, b: SegmentFrame): number {
  if (a.objectKey !== b.objectKey) return a.objectKey < b.objectKey ? -1 : 1;
  return a.entry.offset - b.entry.offset;
}
