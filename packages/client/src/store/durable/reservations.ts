/**
 * Which slots other processes reserved, as the log says, and which nobody uses.
 *
 * The rule: a slot that no page has is given out again when (1) the record that freed it is
 * durable, (2) no process can still read what was in it, (3) no living process reserved it. When it
 * was freed is not remembered slot by slot: what is free at some position is a candidate, and may
 * be used once every other process reads from that position on.
 */
import { MutablePageSet, toPageIndex } from "@graft/core";
import { isSlot } from "./location.ts";
import type { Extent, LogChange, ReserveChange } from "./log-change.ts";
import { SlotSet } from "./slot-set.ts";
import type { StoreDisk } from "./store-disk.ts";

export class Reservations {
  /** The opener number of this process, which knows its own slots itself. */
  own = 0;
  /** Slots + 1 by opener number. */
  readonly #byOpener = new Map<number, MutablePageSet>();
  /** Slots that nobody used at a position. */
  #candidates = new SlotSet();
  #candidatesEnd = 0;
  #candidatesPosition = 0;

  /** Candidates that are left. */
  get candidateCount(): number {
    return this.#candidates.count;
  }

  /** Where every process must have got to before the candidates may be used. */
  get candidatesPosition(): number {
    return this.#candidatesPosition;
  }

  /** Heeds a record of another process. */
  heed(change: LogChange): void {
    if (change.kind === "reserve") this.#add(change);
    else if (change.kind === "commit" || change.kind === "fetched") this.#named(change.pages);
  }

  /** A process reserved slots. */
  #add({ opener, extents }: ReserveChange): void {
    if (opener === this.own) return;
    const set = this.#byOpener.get(opener) ?? new MutablePageSet();
    this.#byOpener.set(opener, set);
    for (const { first, count } of extents) {
      set.insertRange(first + 1, first + count);
      if (this.#candidates.count === 0) continue;
      for (let slot = first; slot < first + count; slot++) this.#candidates.delete(slot);
    }
  }

  /** What living processes have reserved. @param mayLive drops those that do not */
  *living(mayLive: (opener: number) => boolean): Generator<ReserveChange> {
    for (const [opener, slots] of this.#byOpener) {
      if (!mayLive(opener)) this.#byOpener.delete(opener);
      else if (!slots.isEmpty)
        yield { kind: "reserve", opener, extents: extentsOf(minusOne(slots)) };
    }
  }

  /**
   * A new generation names all reservations again. It gave pages slots without a record of their
   * own, so that what was free may not be free any more.
   */
  clear(): void {
    this.#byOpener.clear();
    this.dropCandidates();
  }

  /** Finds them anew when they are needed. */
  dropCandidates(): void {
    this.#candidates = new SlotSet();
  }

  /** Finds all slots that nobody uses at the position, which the replica has reached. */
  findCandidates(disk: StoreDisk, position: number, mayLive: (opener: number) => boolean): void {
    const { slots } = disk.pages;
    const used = new SlotSet();
    disk.replica.history.chains.forEach((_page, _version, location) => {
      if (isSlot(location)) used.add(location);
    });
    for (const { extents } of this.living(mayLive)) {
      for (const { first, count } of extents) {
        for (let slot = first; slot < first + count; slot++) used.add(slot);
      }
    }
    this.#candidates = new SlotSet();
    this.#candidatesEnd = slots.count;
    this.#candidatesPosition = position;
    for (const slot of used.others(slots.count)) {
      if (!slots.isOwn(slot)) this.#candidates.add(slot);
    }
  }

  /** Takes up to this many candidates, lowest first. */
  takeCandidates(count: number): Extent[] {
    const taken: number[] = [];
    for (const slot of this.#candidates.members(this.#candidatesEnd)) {
      if (taken.length === count) break;
      taken.push(slot);
    }
    for (const slot of taken) this.#candidates.delete(slot);
    return extentsOf(taken);
  }

  #named(pages: Iterable<readonly [page: number, location: number]>): void {
    if (this.#byOpener.size === 0) return;
    for (const [, location] of pages) {
      if (!isSlot(location)) continue;
      for (const slots of this.#byOpener.values()) slots.remove(toPageIndex(location + 1));
    }
  }
}

/** Ascending slots as extents. */
export function extentsOf(slots: Iterable<number>): Extent[] {
  const extents: { first: number; count: number }[] = [];
  for (const slot of slots) {
    const last = extents.at(-1);
    if (last !== undefined && last.first + last.count === slot) last.count++;
    else extents.push({ first: slot, count: 1 });
  }
  return extents;
}

function* minusOne(slots: Iterable<number>): Generator<number> {
  for (const slot of slots) yield slot - 1;
}
