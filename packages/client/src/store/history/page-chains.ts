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

interface OlderVersion {
  readonly version: number;
  location: Location;
}

/** No version of the page, or none old enough. */
export const NO_VERSION = -1;

/**
 * The stored versions of each page. Nearly every page has one, in a compact table; older ones,
 * which only pins keep alive, hang in lists beside it.
 */
export class PageChains {
  readonly table: PageTable = new PageTable();
  /** Newest first, without the newest of all. */
  readonly #older = new Map<number, OlderVersion[]>();
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
    const found = this.#older.get(page)?.find((older) => older.version <= version);
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
    const older = this.#older.get(page);
    if (this.table.versionOf(cell) !== version) return this.#takeOlder(page, version);
    const location = this.table.locationOf(cell);
    const next = older?.[0];
    if (next === undefined) {
      this.table.remove(cell);
    } else {
      this.table.setEntry(cell, { ...next, stamp: this.table.stampOf(cell) });
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
    const older = this.#older.get(page)?.find((one) => one.version === version);
    invariant(older !== undefined, "the page has this version");
    const old = older.location;
    older.location = location;
    return old;
  }

  /** The versions of one page, newest first. */
  versionsOf(page: number): PageVersion[] {
    const cell = this.table.find(page);
    if (cell === NO_CELL) return [];
    const newest = {
      page,
      version: this.table.versionOf(cell),
      location: this.table.locationOf(cell),
    };
    return [newest, ...(this.#older.get(page) ?? []).map((older) => ({ page, ...older }))];
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
    for (const [page, versions] of this.#older) {
      for (const { version, location } of versions) yield { page, version, location };
    }
  }

  /** Calls for every version of every page, in no order. They must not be changed meanwhile. */
  forEach(visit: (page: number, version: number, location: Location) => void): void {
    this.table.forEach(visit);
    for (const [page, versions] of this.#older) {
      for (const { version, location } of versions) visit(page, version, location);
    }
  }

  #pushOlder(page: number, added: OlderVersion): void {
    const versions = this.#older.get(page) ?? [];
    const at = versions.findIndex((older) => older.version <= added.version);
    invariant(versions[at]?.version !== added.version, "a page version is stored once");
    versions.splice(at === -1 ? versions.length : at, 0, { ...added });
    this.#older.set(page, versions);
    this.#olderCount++;
  }

  #takeOlder(page: number, version: number): Location | undefined {
    const versions = this.#older.get(page);
    const at = versions?.findIndex((older) => older.version === version) ?? -1;
    if (versions === undefined || at === -1) return undefined;
    const [taken] = versions.splice(at, 1);
    if (versions.length === 0) this.#older.delete(page);
    this.#olderCount--;
    return taken?.location;
  }
}
