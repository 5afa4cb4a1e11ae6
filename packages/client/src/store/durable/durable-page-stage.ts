import { type GraftError, invariant, type PageIndex } from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import { NO_CELL, PageTable } from "../history/page-table.ts";
import type { PageStage } from "../page-stage.ts";
import { corruptFile } from "./corrupt-file.ts";
import type { StoreDisk } from "./store-disk.ts";

/**
 * Uncommitted pages in slots that no record names: after a crash the slots are free again, without
 * a trace. A page costs 19–22 bytes of memory.
 */
export class DurablePageStage implements PageStage {
  readonly #disk: StoreDisk;
  readonly #heed: (data: Uint8Array) => void;
  /** The slot of each page, and the version that its image says. */
  readonly #table = new PageTable();

  /** @param heed looks at each page before it is kept; throws when it cannot be the volume's */
  constructor(disk: StoreDisk, heed: (data: Uint8Array) => void) {
    this.#disk = disk;
    this.#heed = heed;
  }

  get count(): number {
    return this.#table.count;
  }

  put(index: PageIndex, data: Uint8Array): void {
    this.#heed(data);
    const { pages, replica } = this.#disk;
    const version = replica.facts.version + 1;
    const location = pages.write({ page: index, version, data });
    const cell = this.#table.find(index);
    const entry = { version, location, stamp: 0 };
    if (cell === NO_CELL) {
      this.#table.insert(index, entry);
    } else {
      this.#letGo(this.#table.locationOf(cell));
      this.#table.setEntry(cell, entry);
    }
  }

  read(index: PageIndex, target: Uint8Array): boolean {
    const cell = this.#table.find(index);
    if (cell === NO_CELL) return false;
    const [slot, version] = [this.#table.locationOf(cell), this.#table.versionOf(cell)];
    if (!this.#disk.pages.read(slot, index, version, target)) throw this.#damaged(index, slot);
    return true;
  }

  delete(index: PageIndex): boolean {
    const cell = this.#table.find(index);
    if (cell === NO_CELL) return false;
    this.#letGo(this.#table.locationOf(cell));
    this.#table.remove(cell);
    return true;
  }

  *indexes(): Generator<PageIndex> {
    for (const cell of this.#table.cells()) yield this.#table.pageOf(cell) as PageIndex;
  }

  clear(): void {
    for (const cell of this.#table.cells()) this.#letGo(this.#table.locationOf(cell));
    this.#table.clear();
  }

  /** The pages belong to a commit now. */
  handOver(): void {
    this.#table.clear();
  }

  /**
   * The slot of a page, which says `version` then. A page that was written for another version, or
   * before a failed flush, is written again. Undefined when it does not have the page.
   */
  place(page: number, version: number): Location | undefined {
    const cell = this.#table.find(page);
    if (cell === NO_CELL) return undefined;
    const slot = this.#table.locationOf(cell);
    const from = this.#table.versionOf(cell);
    const { pages } = this.#disk;
    if (from === version && !pages.isSuspect(slot)) return slot;
    if (!pages.restamp(slot, { page, from, to: version })) throw this.#damaged(page, slot);
    this.#table.setEntry(cell, { version, location: slot, stamp: 0 });
    return slot;
  }

  #letGo(slot: Location): void {
    const { log, pages } = this.#disk;
    // A commit that failed may have left a record that names the slot.
    if (log.isBroken) pages.slots.release(slot);
    else pages.slots.giveBack(slot);
  }

  #damaged(page: number, slot: Location): GraftError {
    const { pages } = this.#disk;
    const why = `uncommitted page ${page} fails its checksum`;
    return corruptFile(pages.path, pages.offsetOf(slot), why);
  }
}

/** The stage of a commit to this kind of store. */
export function durableStageOf(staged: PageStage | undefined): DurablePageStage | undefined {
  const isOwn = staged === undefined || staged instanceof DurablePageStage;
  invariant(isOwn, "pages were staged in the store that commits them");
  return staged;
}
