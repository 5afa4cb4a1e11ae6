/**
 * Pointer maps, in auto-vacuum databases: page 2 and every (usable size / 5 + 1)-th page after it
 * hold for each page that follows: type (1), parent (4, big-endian).
 */
import { readUint32 } from "../page-one.ts";
import { damaged } from "./damage.ts";
import type { DatabaseFile } from "./database-file.ts";
import type { PageOwners } from "./page-owners.ts";

/** Who a page belongs to. */
export type PointerEntry =
  | { readonly kind: "root" | "free" }
  | { readonly kind: "overflow" | "overflow-rest" | "child"; readonly parent: number };

const TYPES: Readonly<Record<PointerEntry["kind"], number>> = {
  root: 1,
  free: 2,
  overflow: 3,
  "overflow-rest": 4,
  child: 5,
};
const ENTRY_SIZE = 5;

/** Compares what the walk finds with what the maps say. */
export class PointerMap {
  readonly #file: DatabaseFile;
  readonly #perMap: number;
  readonly #page: Uint8Array;
  #loaded = 0;

  constructor(file: DatabaseFile, owners: PageOwners) {
    this.#file = file;
    this.#perMap = Math.floor(file.header.usableSize / ENTRY_SIZE) + 1;
    this.#page = new Uint8Array(file.pageSize);
    for (let page = 2; page <= file.pageCount; page += this.#perMap) {
      owners.take(this.#skipLockPage(page), 1);
    }
  }

  /** @throws GraftError `corrupt` naming the map page */
  check(page: number, entry: PointerEntry): void {
    // Page 1 stands before the first map.
    if (page === 1) return;
    const first = page - ((page - 2) % this.#perMap);
    const map = this.#skipLockPage(first);
    if (this.#loaded !== map) this.#file.readPage(map, this.#page);
    this.#loaded = map;
    const at = (page - map - 1) * ENTRY_SIZE;
    const expected = [TYPES[entry.kind], "parent" in entry ? entry.parent : 0];
    const actual = [this.#page[at], readUint32(this.#page, at + 1)];
    if (expected.join() === actual.join()) return;
    throw damaged(
      this.#file.path,
      map,
      `the pointer map says (${actual.join()}) of page ${page}, which is (${expected.join()})`,
    );
  }

  #skipLockPage(page: number): number {
    return page === this.#file.lockPage ? page + 1 : page;
  }
}
