import { invariant } from "@graft/core";
import { NO_CELL, PageTable } from "./page-table.ts";

/**
 * Where the bytes of a page version are: the store's own number below `LOCATION_MAX`, or one of two
 * that name no bytes.
 */
export type Location = number;
export const LOCATION_MAX = 0xffff_fff0;
/** The page is known not to exist. */
export const ZEROS: Location = 0xffff_ffff;
/** The page exists and is not here. */
export const ABSENT: Location = 0xffff_fffe;

export interface PageVersion {
  readonly page: number;
  readonly version: number;
  readonly location: Location;
}

/** A version behind the newest one, and those behind it. */
interface OlderVersion {
  readonly version: number;
  location: Location;
  older: OlderVersion | undefined;
}

/** No version of the page, or none old enough. */
export const NO_VERSION = -1;

/**
 * The stored versions of each page. Nearly every page has one, in a compact table; older ones,
 * which only pins keep alive, hang in lists beside it.
 */
export class PageChains {
  readonly table: PageTable = new PageTable();
  /**
   * Newest first, without the newest of all. Linked, not in arrays: a transaction over all of a
   * large volume leaves one for each page while somebody reads what was there before.
   */
  readonly #older = new Map<number, OlderVersion>();
  #olderCount = 0;
  /** What `seek` found, when it did. */
  foundVersion: number = NO_VERSION;
  foundLocation: Location = ABSENT;
  #foundCell = NO_CELL;

  /** Stored versions of all pages. */
  get count(): number {
    return this.table.count + this.#olderCount;
  }

  /** The newest version of a page at or below `version`, or `NO_VERSION`; sets `foundLocation`. */
  seek(page: number, version: number): number {
    const cell = this.table.find(page);
    this.#foundCell = cell;
    if (cell === NO_CELL) return NO_VERSION;
    const newest = this.table.versionOf(cell);
    if (newest <= version) {
      this.foundVersion = newest;
      this.foundLocation = this.table.locationOf(cell);
      return newest;
    }
    let found = this.#older.get(page);
    while (found !== undefined && found.version > version) found = found.older;
    if (found === undefined) return NO_VERSION;
    this.foundVersion = found.version;
    this.foundLocation = found.location;
    return found.version;
  }

  /** Marks the page that `seek` found as used just now. */
  touchFound(stamp: number): void {
    if (this.#foundCell !== NO_CELL) this.table.setStamp(this.#foundCell, stamp);
  }

  /** The newest version of a page, or `NO_VERSION`. */
  newest(page: number): number {
    const cell = this.table.find(page);
    return cell === NO_CELL ? NO_VERSION : this.table.versionOf(cell);
  }

  /** Adds the first version of a page; false when the page has one. */
  insertFirst(page: number, version: number, location: Location, stamp: number): boolean {
    return this.table.insertIfNew(page, version, location, stamp);
  }

  /** Adds a version that the page does not have yet. */
  insert({ page, version, location }: PageVersion, stamp: number): void {
    const cell = this.table.find(page);
    if (cell === NO_CELL) {
      this.table.insert(page, { version, location, stamp });
      return;
    }
    const newest = { version: this.table.versionOf(cell), location: this.table.locationOf(cell) };
    invariant(newest.version !== version, "a page version is stored once");
    if (newest.version < version) {
      this.table.setEntry(cell, { version, location, stamp });
      this.#pushOlder(page, newest);
    } else {
      this.#pushOlder(page, { version, location });
    }
  }

  /** Takes a version out and gives where its bytes are; undefined when it is gone already. */
  remove(page: number, version: number): Location | undefined {
    const cell = this.table.find(page);
    if (cell === NO_CELL) return undefined;
    if (this.table.versionOf(cell) !== version) return this.#takeOlder(page, version);
    const location = this.table.locationOf(cell);
    const next = this.#older.get(page);
    if (next === undefined) {
      this.table.remove(cell);
    } else {
      const stamp = this.table.stampOf(cell);
      this.table.setEntry(cell, { version: next.version, location: next.location, stamp });
      this.#takeOlder(page, next.version);
    }
    return location;
  }

  /** Says that the bytes of a version, which must exist, have moved; gives where they were. */
  relocate({ page, version, location }: PageVersion): Location {
    const cell = this.table.find(page);
    invariant(cell !== NO_CELL, "the page has a version");
    if (this.table.versionOf(cell) === version) {
      const old = this.table.locationOf(cell);
      this.table.setLocation(cell, location);
      return old;
    }
    for (let one = this.#older.get(page); one !== undefined; one = one.older) {
      if (one.version !== version) continue;
      const old = one.location;
      one.location = location;
      return old;
    }
    invariant(false, "the page has this version");
  }

  /** The versions of one page, newest first. */
  versionsOf(page: number): PageVersion[] {
    const cell = this.table.find(page);
    if (cell === NO_CELL) return [];
    const versions: PageVersion[] = [
      { page, version: this.table.versionOf(cell), location: this.table.locationOf(cell) },
    ];
    for (const { version, location } of chain(this.#older.get(page))) {
      versions.push({ page, version, location });
    }
    return versions;
  }

  /** Every version of every page, in no order. The chains must not be changed meanwhile. */
  *all(): IterableIterator<PageVersion> {
    for (const cell of this.table.cells()) {
      const { table } = this;
      yield {
        page: table.pageOf(cell),
        version: table.versionOf(cell),
        location: table.locationOf(cell),
      };
    }
    for (const [page, first] of this.#older) {
      for (const { version, location } of chain(first)) yield { page, version, location };
    }
  }

  /** Calls for every version of every page, in no order. They must not be changed meanwhile. */
  forEach(visit: (page: number, version: number, location: Location) => void): void {
    this.table.forEach(visit);
    for (const [page, first] of this.#older) {
      for (const { version, location } of chain(first)) visit(page, version, location);
    }
  }

  #pushOlder(page: number, { version, location }: Omit<PageVersion, "page">): void {
    let newer: OlderVersion | undefined;
    let older = this.#older.get(page);
    while (older !== undefined && older.version > version) {
      newer = older;
      older = older.older;
    }
    invariant(older?.version !== version, "a page version is stored once");
    const added = { version, location, older };
    if (newer === undefined) this.#older.set(page, added);
    else newer.older = added;
    this.#olderCount++;
  }

  #takeOlder(page: number, version: number): Location | undefined {
    let newer: OlderVersion | undefined;
    let taken = this.#older.get(page);
    while (taken !== undefined && taken.version !== version) {
      newer = taken;
      taken = taken.older;
    }
    if (taken === undefined) return undefined;
    if (newer !== undefined) newer.older = taken.older;
    else if (taken.older !== undefined) this.#older.set(page, taken.older);
    else this.#older.delete(page);
    this.#olderCount--;
    return taken.location;
  }
}

function* chain(first: OlderVersion | undefined): Generator<OlderVersion> {
  for (let one = first; one !== undefined; one = one.older) yield one;
}
