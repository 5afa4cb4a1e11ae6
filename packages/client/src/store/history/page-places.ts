import type { Location } from "./page-chains.ts";

/** Pages in ascending order, each with its place. */
export interface PlacedList extends Iterable<readonly [page: number, place: Location]> {
  readonly length: number;
}

/** Which page lies where, in 8 bytes a page: a commit may be all of a large volume. */
export class PagePlaces implements PlacedList {
  readonly #pages: Uint32Array;
  readonly #locations: Uint32Array;

  /** @param length how many pages there will be: `set` each of them */
  constructor(length: number) {
    this.#pages = new Uint32Array(length);
    this.#locations = new Uint32Array(length);
  }

  get length(): number {
    return this.#pages.length;
  }

  set(at: number, page: number, location: Location): void {
    this.#pages[at] = page;
    this.#locations[at] = location;
  }

  *[Symbol.iterator](): Generator<readonly [page: number, location: Location]> {
    for (let at = 0; at < this.#pages.length; at++) {
      yield [this.#pages[at] ?? 0, this.#locations[at] ?? 0];
    }
  }
}
