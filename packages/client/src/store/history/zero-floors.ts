/**
 * Which pages read as zeros because the volume ended below them: a list of (version, count), "from
 * this version on, what lies above `count` and was not stored since does not exist".
 *
 * ```
 * version 3: 10 pages → 4      floor (3, 4): pages 5 … were cut off
 * version 4:  4 pages → 8      nothing new: above 4, what has no bytes is zeros already
 * a reader at 4 of page 7      last written at 1, floor at 3 → zeros
 * a reader at 2 of page 7      no floor yet                  → the page of version 1
 * ```
 *
 * A floor whose count is not above that of an earlier one says nothing more about pages without
 * bytes; it hides older bytes, and goes when no pin can see those any more. So without pins the
 * list has at most one entry.
 */
export interface ZeroFloor {
  readonly version: number;
  readonly count: number;
}

/** No floor hides the page. */
export const NO_FLOOR = -1;

export class ZeroFloors {
  /** Ascending by version. */
  #floors: ZeroFloor[];

  constructor(floors: readonly ZeroFloor[] = []) {
    this.#floors = [...floors];
  }

  get list(): readonly ZeroFloor[] {
    return this.#floors;
  }

  /** The version of the newest floor below `page` at or before `version`, or `NO_FLOOR`. */
  newestBelow(page: number, version: number): number {
    const floors = this.#floors;
    for (let at = floors.length - 1; at >= 0; at--) {
      const floor = floors[at];
      if (floor !== undefined && floor.count < page && floor.version <= version) {
        return floor.version;
      }
    }
    return NO_FLOOR;
  }

  /** The version of the oldest floor below `page` after `version`, or Infinity. */
  oldestBelow(page: number, version: number): number {
    const found = this.#floors.find((floor) => floor.count < page && floor.version > version);
    return found?.version ?? Infinity;
  }

  /** Whether a page without bytes is zeros, not unknown, at the latest version. */
  covers(page: number): boolean {
    return this.#floors.some((floor) => floor.count < page);
  }

  /** The volume was cut off above `count`. */
  cut(version: number, count: number): void {
    this.#floors.push({ version, count });
  }

  /** The volume grew beyond `count` without remote pages: what is new has no bytes yet. */
  grow(version: number, count: number): void {
    if (!this.covers(count + 1)) this.#floors.push({ version, count });
  }

  /** Forgets what no pin at `oldestPin` or later needs, and gives it. */
  prune(oldestPin: number): readonly ZeroFloor[] {
    if (this.#floors.length <= 1) return [];
    const settled = this.#floors.filter((floor) => floor.version <= oldestPin);
    if (settled.length <= 1) return [];
    const lowest = settled.reduce((low, floor) => (floor.count <= low.count ? floor : low));
    this.#floors = this.#floors.filter((floor) => floor === lowest || floor.version > oldestPin);
    return settled.filter((floor) => floor !== lowest);
  }
}
