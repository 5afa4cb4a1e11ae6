import { type Superseded, SupersededList } from "./superseded-list.ts";

/**
 * Who keeps which old page version alive.
 *
 * A version `from` of a page that was superseded at `until` can be named by pins in [from, until).
 * It is filed under the newest of them; when that version is pinned no more, it moves to the next
 * one down, or is let go. So an unpin costs what it frees or moves, not what waits.
 */
export class PinLedger {
  /** How many pins each pinned version has. */
  readonly #counts = new Map<number, number>();
  /** The pinned versions, ascending. */
  readonly #versions: number[] = [];
  readonly #waiting = new Map<number, SupersededList>();
  readonly #letGo: (superseded: Superseded) => void;

  constructor(letGo: (superseded: Superseded) => void) {
    this.#letGo = letGo;
  }

  /** The oldest pinned version; undefined without pins. */
  get oldest(): number | undefined {
    return this.#versions[0];
  }

  pin(version: number): void {
    const count = this.#counts.get(version) ?? 0;
    this.#counts.set(version, count + 1);
    if (count === 0) this.#versions.splice(this.#firstFrom(version), 0, version);
  }

  unpin(version: number): void {
    const count = this.#counts.get(version) ?? 0;
    if (count > 1) {
      this.#counts.set(version, count - 1);
      return;
    }
    this.#counts.delete(version);
    this.#versions.splice(this.#firstFrom(version), 1);
    const waiting = this.#waiting.get(version);
    this.#waiting.delete(version);
    waiting?.drain((superseded) => this.supersede(superseded));
  }

  /** Lets the version go at once, or when the last pin that can name it is gone. */
  supersede(superseded: Superseded): void {
    const holder = this.newestIn(superseded.from, superseded.until);
    if (holder === undefined) {
      this.#letGo(superseded);
      return;
    }
    const waiting = this.#waiting.get(holder) ?? new SupersededList();
    this.#waiting.set(holder, waiting);
    waiting.push(superseded);
  }

  /** The newest pinned version in [from, until). */
  newestIn(from: number, until: number): number | undefined {
    const version = this.#versions[this.#firstFrom(until) - 1];
    return version !== undefined && version >= from ? version : undefined;
  }

  /** Where the first pinned version at or after `version` is, by binary search. */
  #firstFrom(version: number): number {
    let low = 0;
    let high = this.#versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#versions[middle] ?? 0) < version) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
