import type { Location } from "../history/page-chains.ts";
import type { PageHistory } from "../history/page-history.ts";
import { MEMORY_PLACE_COUNT, memoryLocation } from "./location.ts";

/** Bytes of pages that may wait. */
const WAITING_SIZE_MAX = 4 * 1024 * 1024;

export interface WaitingPage {
  readonly location: Location;
  readonly history: PageHistory;
  readonly page: number;
  readonly version: number;
  readonly data: Uint8Array;
}

/**
 * Fetched pages without a slot: another process held the log when slots were to be reserved, and a
 * reader must not wait for it. They are in memory until the next chance.
 */
export class WaitingPages {
  readonly #pages = new Map<Location, WaitingPage>();
  #next = 0;
  #size = 0;

  /** Whether what waited there has a slot by now, or is needed no more. */
  isGone(location: Location): boolean {
    return !this.#pages.has(location);
  }

  /** Undefined when too many wait. The bytes are the caller's: they are copied. */
  put(waiting: Omit<WaitingPage, "location">): Location | undefined {
    if (this.#size + waiting.data.length > WAITING_SIZE_MAX) return undefined;
    const location = memoryLocation(this.#next);
    if (this.#pages.has(location)) return undefined;
    this.#next = (this.#next + 1) % MEMORY_PLACE_COUNT;
    this.#pages.set(location, { ...waiting, location, data: waiting.data.slice() });
    this.#size += waiting.data.length;
    return location;
  }

  read(location: Location, target: Uint8Array): boolean {
    const waiting = this.#pages.get(location);
    if (waiting === undefined) return false;
    target.set(waiting.data);
    return true;
  }

  release(location: Location): void {
    const waiting = this.#pages.get(location);
    if (waiting === undefined) return;
    this.#pages.delete(location);
    this.#size -= waiting.data.length;
  }

  /** All that wait, in a list of its own: they may be released meanwhile. */
  all(): readonly WaitingPage[] {
    return [...this.#pages.values()];
  }
}
