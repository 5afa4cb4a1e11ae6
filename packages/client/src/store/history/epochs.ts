import { MutablePageSet, type PageSet, unionInto } from "@graft/core";
import type { RemotePoint } from "../local-store.ts";
import { cutAbove, Epoch } from "./epoch.ts";

/** The epoch that a pull, a reset or a completed push begins. */
export interface NextEpoch {
  readonly remote: RemotePoint | undefined;
  readonly start: number;
  readonly changed: PageSet;
  readonly pageCount: number;
  /** False: what changed is here already, as after a push. Default true. */
  readonly isStale?: boolean;
  /** Local pages that stay on top, none of which changed. */
  readonly carried?: PageSet;
}

/** The epochs that are pinned, oldest first, and the current one. */
export class Epochs {
  #all: Epoch[];
  #current: Epoch;

  constructor(first: Epoch) {
    this.#current = first;
    this.#all = [first];
  }

  get current(): Epoch {
    return this.#current;
  }

  /** Whether only the current epoch is left. */
  get isSingle(): boolean {
    return this.#all.length === 1;
  }

  begin(next: NextEpoch): void {
    const old = this.#current;
    const added = next.isStale === false ? new MutablePageSet() : next.changed;
    const stale = old.handOver(added, next.pageCount);
    const earlier = old.pinCount > 0 ? this.#all : this.#all.slice(0, -1);
    const changed = new MutablePageSet();
    if (earlier.length > 0) {
      unionInto(changed, next.changed);
      if (old.pinCount === 0) unionInto(changed, old.changed);
    }
    const { remote, start, carried } = next;
    const more = carried === undefined ? {} : { carried };
    this.#current = new Epoch({ remote, start, stale, changed, ...more });
    this.#all = [...earlier, this.#current];
  }

  /** Forgets an epoch that nobody pins any more, unless it is the current one. */
  dropUnpinned(epoch: Epoch): void {
    if (epoch.pinCount > 0 || epoch === this.#current) return;
    const at = this.#all.indexOf(epoch);
    const next = this.#all[at + 1];
    if (next === undefined) return;
    if (at === 0) next.changed.clear();
    else unionInto(next.changed, epoch.changed);
    this.#all.splice(at, 1);
  }

  /** The page is here for this epoch, and for those after it until it changed. */
  clearStale(from: Epoch, page: number): void {
    for (let at = this.#all.indexOf(from); at < this.#all.length; at++) {
      const epoch = this.#all[at];
      if (epoch === undefined || (epoch !== from && epoch.changed.contains(page))) return;
      epoch.stale.remove(page);
    }
  }

  /** Whether a pinned epoch shows this version of the page. */
  isShown(page: number, version: number): boolean {
    return this.#all.some((epoch) => epoch.pinCount > 0 && !epoch.hides(page, version));
  }

  /**
   * Takes the pages above `count` out of what is stale in the epochs that began before `version`.
   */
  cutBefore(version: number, count: number): void {
    for (const epoch of this.#all) if (epoch.start < version) cutAbove(epoch.stale, count);
  }
}
