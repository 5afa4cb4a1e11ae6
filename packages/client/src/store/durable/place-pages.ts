import { invariant, type PageIndex } from "@graft/core";
import { PagePlaces } from "../history/page-places.ts";
import type { NewLocalCommit } from "../local-store.ts";
import { type NewPages, sortedIndexes } from "../page-stage.ts";
import type { PagesToWrite } from "./commit-body.ts";
import { durableStageOf } from "./durable-page-stage.ts";
import type { StoreDisk } from "./store-disk.ts";

/** A commit with more bytes of pages than this goes to slots first: two flushes, each page once. */
const COMMIT_IN_LOG_SIZE_MAX = 1024 * 1024;

/** Pages of a commit, and the slots that were taken for it alone. */
export interface PlacedPages {
  readonly pages: PagesToWrite;
  readonly slots: readonly number[];
}

/**
 * Decides where the pages of a commit go: a small one's into its record, others into slots, which
 * are flushed then.
 *
 * @throws GraftError `io`: slots taken here are free again; staged pages are as they were
 */
export function placePages(disk: StoreDisk, commit: NewLocalCommit, version: number): PlacedPages {
  const sorted = sortedIndexes(commit);
  const last = sorted.at(-1) ?? 0;
  invariant(last <= commit.pageCount, "a commit has no page above its page count");
  const size = sorted.length * (disk.pageSize ?? 0);
  if (commit.pages.size === sorted.length && size <= COMMIT_IN_LOG_SIZE_MAX) {
    return { pages: { kind: "images", images: inMemory(sorted, commit) }, slots: [] };
  }
  const { pages } = disk;
  const slots = pages.writeAll(version, inMemory(sorted, commit));
  try {
    const places = placeInSlots(sorted, commit, { version, slots });
    pages.sync();
    return { pages: { kind: "slots", places }, slots };
  } catch (error) {
    for (const slot of slots) pages.slots.giveBack(slot);
    throw error;
  }
}

/** @param taken the slots of the pages in memory, in their order */
function placeInSlots(
  sorted: Uint32Array,
  { pages, staged }: NewPages,
  taken: { readonly version: number; readonly slots: readonly number[] },
): PagePlaces {
  const stage = durableStageOf(staged);
  const places = new PagePlaces(sorted.length);
  let used = 0;
  for (const [at, page] of sorted.entries()) {
    const isHere = pages.has(page as PageIndex);
    const slot = isHere ? taken.slots[used++] : stage?.place(page, taken.version);
    invariant(slot !== undefined, "each page has a slot");
    places.set(at, page, slot);
  }
  return places;
}

/** The pages that are in memory, ascending. */
function inMemory(
  sorted: Uint32Array,
  { pages }: NewPages,
): readonly (readonly [page: number, data: Uint8Array])[] {
  const found: (readonly [page: number, data: Uint8Array])[] = [];
  for (const page of sorted) {
    const data = pages.get(page as PageIndex);
    if (data !== undefined) found.push([page, data]);
  }
  return found;
}
