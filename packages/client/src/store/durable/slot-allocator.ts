/**
 * Which slots of `pages` are free. The rule that makes crashes harmless: a slot that was let go is
 * used again only after the record that let it go is durable; until then it waits.
 *
 * ```
 * free ──allocate──▶ used ──release──▶ waiting ──settle (log flushed)──▶ free
 *   ▲─────────────giveBack (never named by a record)──┘
 * ```
 */
import { invariant } from "@graft/core";

export class SlotAllocator {
  /** One bit a slot; 1 = used or waiting. */
  #used = new Uint32Array(64);
  #count = 0;
  #freeCount = 0;
  #hint = 0;
  #waiting: number[] = [];

  /** Slots the file has, used or not. */
  get count(): number {
    return this.#count;
  }

  /** Slots that may be used at once, without growing the file. */
  get freeCount(): number {
    return this.#freeCount;
  }

  /** Slots that become free with the next flush of the log. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Marks a slot as used: for recovery. False when it is used already. */
  take(slot: number): boolean {
    if (slot < this.#count && this.#isUsed(slot)) return false;
    this.#growTo(slot + 1);
    this.#mark(slot);
    this.#freeCount--;
    return true;
  }

  /** The next free slot in file order after the last one given out; else a new one. */
  allocate(): number {
    if (this.#freeCount === 0) this.#growTo(this.#count + 1);
    const slot = this.#nextFree();
    this.#mark(slot);
    this.#freeCount--;
    this.#hint = slot + 1;
    return slot;
  }

  /** Makes `allocate` begin at the front of the file again. */
  rewind(): void {
    this.#hint = 0;
  }

  /** Forgets the free slots at the end of the file, and says how many slots are left. */
  cutFree(): number {
    let count = this.#count;
    while (count > 0 && !this.#isUsed(count - 1)) count--;
    this.#freeCount -= this.#count - count;
    this.#count = count;
    return count;
  }

  /** Nobody names the slot any more, as a record says that may not be durable yet. */
  release(slot: number): void {
    this.#waiting.push(slot);
  }

  /** All records so far are durable. */
  settle(): void {
    for (const slot of this.#waiting) this.giveBack(slot);
    this.#waiting = [];
  }

  /** Nobody ever named the slot. */
  giveBack(slot: number): void {
    invariant(this.#isUsed(slot), "a slot that is given back was in use");
    this.#used[slot >>> 5] = (this.#used[slot >>> 5] ?? 0) & ~(1 << (slot & 31));
    this.#freeCount++;
  }

  #isUsed(slot: number): boolean {
    return ((this.#used[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0;
  }

  #mark(slot: number): void {
    this.#used[slot >>> 5] = (this.#used[slot >>> 5] ?? 0) | (1 << (slot & 31));
  }

  #growTo(count: number): void {
    if (count <= this.#count) return;
    this.#freeCount += count - this.#count;
    this.#count = count;
    const words = (count + 31) >>> 5;
    if (words <= this.#used.length) return;
    const larger = new Uint32Array(Math.max(words, this.#used.length * 2));
    larger.set(this.#used);
    this.#used = larger;
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
