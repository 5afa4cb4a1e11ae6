/**
 * The slots this process may write. It owns slots that it reserved (slot-reservations.ts) and no
 * record names; all others are somebody's: a page's, another process's, or nobody's until they are
 * reserved.
 *
 * ```
 * reserved ─▶ free ──allocate──▶ used ──release──▶ waiting ──settle (log flushed)──▶ free
 *              ▲───────────giveBack────┤
 *                                      └─disown (a record names it)─▶ not ours any more
 * ```
 */
import { invariant } from "@graft/core";
import { clearBit, fillBits, grownBits, hasBit, setBit } from "./slot-set.ts";

export class SlotAllocator {
  /** One bit a slot; 1 = not to be given out. */
  #used = new Uint32Array(64);
  /** One bit a slot; 1 = reserved by this process, and named by no record. */
  #own = new Uint32Array(64);
  #count = 0;
  #freeCount = 0;
  #hint = 0;
  #waiting: number[] = [];
  /** Reserves more slots; without it the file just grows. */
  refill: (() => void) | undefined;

  /** Slots the file has, whoever uses them. */
  get count(): number {
    return this.#count;
  }

  /** Slots that may be used at once. */
  get freeCount(): number {
    return this.#freeCount;
  }

  /** Slots that were let go since the log was flushed. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Slots up to this one exist. New ones are not ours. */
  growTo(count: number): void {
    const before = this.#count;
    if (count <= before) return;
    this.#grow(count);
    fillBits(this.#used, before, count);
  }

  /** The slots are this process's now. */
  reserve(first: number, count: number): void {
    this.growTo(first + count);
    for (let slot = first; slot < first + count; slot++) {
      invariant(!hasBit(this.#own, slot), "a slot is reserved once");
      setBit(this.#own, slot);
      clearBit(this.#used, slot);
    }
    this.#freeCount += count;
  }

  isOwn(slot: number): boolean {
    return slot < this.#count && hasBit(this.#own, slot);
  }

  /** A record names the slot, or nobody may remember that it was ours. */
  disown(slot: number): void {
    if (!this.isOwn(slot)) return;
    clearBit(this.#own, slot);
    if (hasBit(this.#used, slot)) return;
    setBit(this.#used, slot);
    this.#freeCount--;
  }

  /** Gives up what is free. */
  disownFree(): void {
    for (let slot = 0; this.#freeCount > 0; slot++) {
      if (!hasBit(this.#used, slot)) this.disown(slot);
    }
  }

  /** The next free slot in file order after the last one given out. */
  allocate(): number {
    if (this.#freeCount === 0) this.refill?.();
    if (this.#freeCount === 0) this.reserve(this.#count, 1);
    const slot = this.#nextFree();
    setBit(this.#used, slot);
    this.#freeCount--;
    this.#hint = slot + 1;
    return slot;
  }

  /** Makes `allocate` begin at the front of the file again. */
  rewind(): void {
    this.#hint = 0;
  }

  /** Forgets the slots from `count` on: none of them is ours. */
  cutTo(count: number): void {
    for (let slot = count; slot < this.#count; slot++) {
      invariant(!hasBit(this.#own, slot), "a slot that is cut off is nobody's");
      clearBit(this.#used, slot);
    }
    this.#count = Math.min(this.#count, count);
  }

  /** The extents of all slots that are ours and given out. */
  *givenOut(): Generator<number> {
    for (let slot = 0; slot < this.#count; slot++) {
      if (hasBit(this.#own, slot) && hasBit(this.#used, slot)) yield slot;
    }
  }

  /**
   * Nobody names the slot any more, as a record says that may not be durable yet. One that is not
   * ours is found again when it is needed.
   */
  release(slot: number): void {
    if (this.isOwn(slot)) this.#waiting.push(slot);
  }

  /** All records so far are durable. */
  settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const slot of waiting) this.giveBack(slot);
  }

  /** No record ever named the slot. */
  giveBack(slot: number): void {
    invariant(hasBit(this.#used, slot), "a slot that is given back was in use");
    invariant(hasBit(this.#own, slot), "a slot that is given back is ours");
    clearBit(this.#used, slot);
    this.#freeCount++;
  }

  #grow(count: number): void {
    this.#count = count;
    const words = (count + 31) >>> 5;
    if (words <= this.#used.length) return;
    const size = Math.max(words, this.#used.length * 2);
    this.#used = grownBits(this.#used, size);
    this.#own = grownBits(this.#own, size);
  }

  #nextFree(): number {
    invariant(this.#freeCount > 0, "there is a free slot");
    if (this.#hint >= this.#count) this.#hint = 0;
    const wordCount = (this.#count + 31) >>> 5;
    for (let step = 0, word = this.#hint >>> 5; step <= wordCount; step++) {
      const first = step === 0 ? this.#hint : word << 5;
      const slot = this.#firstFreeIn(word, first);
      if (slot !== undefined) return slot;
      word = word + 1 === wordCount ? 0 : word + 1;
    }
    invariant(false, "a free slot is found");
  }

  #firstFreeIn(word: number, first: number): number | undefined {
    const free = ~(this.#used[word] ?? 0) & (-1 << (first & 31));
    if (free === 0) return undefined;
    const slot = (word << 5) + 31 - Math.clz32(free & -free);
    return slot < this.#count ? slot : undefined;
  }
}
