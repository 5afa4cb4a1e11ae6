import { type GraftError, invariant, type PageIndex } from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import type { StagedPage } from "../local-store.ts";
import { corruptFile } from "./corrupt-file.ts";
import { PagePlaces, type PlacedList } from "./page-places.ts";
import type { StoreDisk } from "./store-disk.ts";

/** The pages of a commit that are not placed yet. */
export type DirtyPages = ReadonlyMap<PageIndex, Uint8Array | StagedPage>;

/** Pages of a commit, and the slots that were taken for it alone. */
export interface PlacedPages {
  readonly pages: PlacedList<Location | Uint8Array>;
  readonly slots: readonly number[];
}

class DurableStagedPage implements StagedPage {
  readonly index: PageIndex;
  readonly slot: number;
  version: number;
  isOpen = true;

  constructor(index: PageIndex, slot: number, version: number) {
    this.index = index;
    this.slot = slot;
    this.version = version;
  }
}

/**
 * Uncommitted pages outside memory: in slots that no record names. After a crash the slots are free
 * again, without a trace.
 */
export class StagedPages {
  readonly #disk: StoreDisk;

  constructor(disk: StoreDisk) {
    this.#disk = disk;
  }

  stage(index: PageIndex, data: Uint8Array): StagedPage {
    const { pages, replica } = this.#disk;
    const version = replica.facts.version + 1;
    const slot = pages.write({ page: index, version, data });
    return new DurableStagedPage(index, slot, version);
  }

  read(page: StagedPage, target: Uint8Array): void {
    const staged = mustBeOpen(page);
    const { pages } = this.#disk;
    if (pages.read(staged.slot, staged.index, staged.version, target)) return;
    throw this.#damaged(staged);
  }

  drop(pages: Iterable<StagedPage>): void {
    const { log } = this.#disk;
    const { slots } = this.#disk.pages;
    for (const page of pages) {
      invariant(page instanceof DurableStagedPage, "the page was staged in this store");
      if (!page.isOpen) continue;
      page.isOpen = false;
      // A commit that failed may have left a record that names the slot.
      if (log.isBroken) slots.release(page.slot);
      else slots.giveBack(page.slot);
    }
  }

  /**
   * Puts the pages of a commit into slots and flushes them.
   *
   * @throws GraftError `io`: slots taken here are free again; staged pages are as they were
   */
  place(sorted: Uint32Array, dirty: DirtyPages, version: number): PlacedPages {
    const { pages } = this.#disk;
    const slots = pages.writeAll(version, inMemory(sorted, dirty));
    try {
      let taken = 0;
      const placed = new PagePlaces(sorted.length);
      for (const [at, page] of sorted.entries()) {
        const data = dirty.get(page as PageIndex);
        invariant(data !== undefined, "each page of a commit has its data");
        const isHere = data instanceof Uint8Array;
        const slot = isHere ? slots[taken++] : this.#placeStaged(data, version);
        invariant(slot !== undefined, "each page has a slot");
        placed.set(at, page, slot);
      }
      pages.sync();
      return { pages: placed, slots };
    } catch (error) {
      for (const slot of slots) pages.slots.giveBack(slot);
      throw error;
    }
  }

  /** The staged pages among these belong to a commit now. */
  consume(pages: Iterable<Uint8Array | StagedPage>): void {
    for (const page of pages) if (page instanceof DurableStagedPage) page.isOpen = false;
  }

  /** A page that was written for another version, or before a failed flush, is written again. */
  #placeStaged(page: StagedPage, version: number): Location {
    const staged = mustBeOpen(page);
    const { pages } = this.#disk;
    if (staged.version === version && !pages.isSuspect(staged.slot)) return staged.slot;
    const image = { page: staged.index, from: staged.version, to: version };
    if (!pages.restamp(staged.slot, image)) throw this.#damaged(staged);
    staged.version = version;
    return staged.slot;
  }

  #damaged(staged: DurableStagedPage): GraftError {
    const { pages } = this.#disk;
    const offset = pages.offsetOf(staged.slot);
    return corruptFile(pages.path, offset, `uncommitted page ${staged.index} fails its checksum`);
  }
}

/** The pages that are in memory, ascending. */
export function inMemory(
  sorted: Uint32Array,
  dirty: DirtyPages,
): readonly (readonly [page: number, data: Uint8Array])[] {
  const found: (readonly [page: number, data: Uint8Array])[] = [];
  for (const page of sorted) {
    const data = dirty.get(page as PageIndex);
    if (data instanceof Uint8Array) found.push([page, data]);
  }
  return found;
}

function mustBeOpen(page: StagedPage): DurableStagedPage {
  invariant(page instanceof DurableStagedPage, "the page was staged in this store");
  invariant(page.isOpen, "a staged page is used before it is dropped or committed");
  return page;
}
