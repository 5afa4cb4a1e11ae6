import { invariant } from "@graft/core";
import type { Location, PageVersion } from "./page-chains.ts";
import { NO_CELL, PageTable } from "./page-table.ts";

/** A version behind the second newest one, and those behind it. */
interface OldVersion {
  readonly version: number;
  location: Location;
  older: OldVersion | undefined;
}

/**
 * The stored versions of pages behind the newest one of each, which only pins keep alive.
 *
 * ```
 * page ─▶ table: the newest of them ─▶ list: the others, newest first
 * ```
 *
 * A transaction over all of a large volume leaves one for each page while somebody reads what was
 * there before: so the first of a page is in a table, 19–22 bytes.
 */
export class OlderVersions {
  readonly #first = new PageTable();
  readonly #others = new Map<number, OldVersion>();
  #otherCount = 0;
  /** What `seek` found, when it did. */
  foundVersion = 0;
  foundLocation: Location = 0;

  get count(): number {
    return this.#first.count + this.#otherCount;
  }

  /** Makes room for so many pages more, if they are many. */
  reserve(count: number): void {
    if (count > this.#first.count) this.#first.reserve(this.#first.count + count);
  }

  /** Looks for the newest version of a page at or below `version`. */
  seek(page: number, version: number): boolean {
    // As nearly always. What was reserved for a large commit would have to be searched.
    if (this.#first.count === 0) return false;
    const cell = this.#first.find(page);
    if (cell === NO_CELL) return false;
    const first = this.#first.versionOf(cell);
    if (first <= version) return this.#found(first, this.#first.locationOf(cell));
    let one = this.#others.get(page);
    while (one !== undefined && one.version > version) one = one.older;
    return one !== undefined && this.#found(one.version, one.location);
  }

  /** Adds a version that the page does not have. */
  insert(page: number, version: number, location: Location): void {
    if (this.#first.insertIfNew(page, version, location, 0)) return;
    const cell = this.#first.find(page);
    const first = this.#first.versionOf(cell);
    invariant(first !== version, "a page version is stored once");
    if (first < version) {
      this.#insertOther(page, first, this.#first.locationOf(cell));
      this.#first.setEntry(cell, { version, location, stamp: 0 });
    } else {
      this.#insertOther(page, version, location);
    }
  }

  /** Takes a version out and gives where its bytes are; undefined when it is not there. */
  take(page: number, version: number): Location | undefined {
    const cell = this.#first.find(page);
    if (cell === NO_CELL) return undefined;
    if (this.#first.versionOf(cell) !== version) return this.#takeOther(page, version);
    const location = this.#first.locationOf(cell);
    const next = this.#others.get(page);
    if (next === undefined) {
      this.#first.remove(cell);
      if (this.#first.count === 0) this.#first.trim();
    } else {
      this.#first.setEntry(cell, { version: next.version, location: next.location, stamp: 0 });
      this.#takeOther(page, next.version);
    }
    return location;
  }

  /** Says that the bytes of a version have moved; undefined when it is not there. */
  relocate(page: number, version: number, location: Location): Location | undefined {
    const cell = this.#first.find(page);
    if (cell === NO_CELL) return undefined;
    if (this.#first.versionOf(cell) === version) {
      const old = this.#first.locationOf(cell);
      this.#first.setLocation(cell, location);
      return old;
    }
    for (let one = this.#others.get(page); one !== undefined; one = one.older) {
      if (one.version !== version) continue;
      const old = one.location;
      one.location = location;
      return old;
    }
    return undefined;
  }

  /** Calls for each version of one page, newest first. */
  forEachOf(page: number, visit: (version: number, location: Location) => void): void {
    const cell = this.#first.find(page);
    if (cell === NO_CELL) return;
    visit(this.#first.versionOf(cell), this.#first.locationOf(cell));
    for (let one = this.#others.get(page); one !== undefined; one = one.older) {
      visit(one.version, one.location);
    }
  }

  /** Every version of every page, in no order. They must not be changed meanwhile. */
  *all(): Generator<PageVersion> {
    const first = this.#first;
    for (const cell of first.cells()) {
      const [page, version] = [first.pageOf(cell), first.versionOf(cell)];
      yield { page, version, location: first.locationOf(cell) };
    }
    for (const [page, newest] of this.#others) {
      for (let one: OldVersion | undefined = newest; one !== undefined; one = one.older) {
        yield { page, version: one.version, location: one.location };
      }
    }
  }

  #found(version: number, location: Location): true {
    this.foundVersion = version;
    this.foundLocation = location;
    return true;
  }

  #insertOther(page: number, version: number, location: Location): void {
    let newer: OldVersion | undefined;
    let older = this.#others.get(page);
    while (older !== undefined && older.version > version) {
      newer = older;
      older = older.older;
    }
    invariant(older?.version !== version, "a page version is stored once");
    const added = { version, location, older };
    if (newer === undefined) this.#others.set(page, added);
    else newer.older = added;
    this.#otherCount++;
  }

  #takeOther(page: number, version: number): Location | undefined {
    let newer: OldVersion | undefined;
    let taken = this.#others.get(page);
    while (taken !== undefined && taken.version !== version) {
      newer = taken;
      taken = taken.older;
    }
    if (taken === undefined) return undefined;
    if (newer !== undefined) newer.older = taken.older;
    else if (taken.older !== undefined) this.#others.set(page, taken.older);
    else this.#others.delete(page);
    this.#otherCount--;
    return taken.location;
  }
}
