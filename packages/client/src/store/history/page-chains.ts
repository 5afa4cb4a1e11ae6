import { invariant } from "@graft/core";
import { OlderVersions } from "./older-versions.ts";
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

/** No version of the page, or none old enough. */
export const NO_VERSION = -1;

/**
 * The stored versions of each page. Nearly every page has one, in a compact table; older ones,
 * which only pins keep alive, are beside it.
 */
export class PageChains {
  readonly table: PageTable = new PageTable();
  readonly #older = new OlderVersions();
  /** What `seek` found, when it did. */
  foundVersion: number = NO_VERSION;
  foundLocation: Location = ABSENT;
  #foundCell = NO_CELL;

  /** Stored versions of all pages. */
  get count(): number {
    return this.table.count + this.#older.count;
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
    if (!this.#older.seek(page, version)) return NO_VERSION;
    this.foundVersion = this.#older.foundVersion;
    this.foundLocation = this.#older.foundLocation;
    return this.foundVersion;
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
    const newest = this.table.versionOf(cell);
    invariant(newest !== version, "a page version is stored once");
    if (newest < version) {
      this.#older.insert(page, newest, this.table.locationOf(cell));
      this.table.setEntry(cell, { version, location, stamp });
    } else {
      this.#older.insert(page, version, location);
    }
  }

  /** Makes room for older versions of so many pages, if they are many. */
  reserveOlder(count: number): void {
    this.#older.reserve(count);
  }

  /** Takes a version out and gives where its bytes are; undefined when it is gone already. */
  remove(page: number, version: number): Location | undefined {
    const cell = this.table.find(page);
    if (cell === NO_CELL) return undefined;
    if (this.table.versionOf(cell) !== version) return this.#older.take(page, version);
    const location = this.table.locationOf(cell);
    if (this.#older.seek(page, version)) {
      const stamp = this.table.stampOf(cell);
      const { foundVersion, foundLocation } = this.#older;
      this.table.setEntry(cell, { version: foundVersion, location: foundLocation, stamp });
      this.#older.take(page, foundVersion);
    } else {
      this.table.remove(cell);
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
    const old = this.#older.relocate(page, version, location);
    invariant(old !== undefined, "the page has this version");
    return old;
  }

  /** The versions of one page, newest first. */
  versionsOf(page: number): PageVersion[] {
    const cell = this.table.find(page);
    if (cell === NO_CELL) return [];
    const versions: PageVersion[] = [
      { page, version: this.table.versionOf(cell), location: this.table.locationOf(cell) },
    ];
    this.#older.forEachOf(page, (version, location) => versions.push({ page, version, location }));
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
    yield* this.#older.all();
  }

  /** Calls for every version of every page, in no order. They must not be changed meanwhile. */
  forEach(visit: (page: number, version: number, location: Location) => void): void {
    this.table.forEach(visit);
    for (const { page, version, location } of this.#older.all()) visit(page, version, location);
  }
}
