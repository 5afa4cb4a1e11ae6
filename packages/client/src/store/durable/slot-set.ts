/** A set of slots, one bit each. */
export class SlotSet {
  #bits = new Uint32Array(64);
  #count = 0;

  /** How many slots are in it. */
  get count(): number {
    return this.#count;
  }

  has(slot: number): boolean {
    return hasBit(this.#bits, slot);
  }

  /** False when it was there already. */
  add(slot: number): boolean {
    if (hasBit(this.#bits, slot)) return false;
    if (slot >>> 5 >= this.#bits.length) {
      this.#bits = grownBits(this.#bits, Math.max((slot >>> 5) + 1, this.#bits.length * 2));
    }
    setBit(this.#bits, slot);
    this.#count++;
    return true;
  }

  delete(slot: number): boolean {
    if (!hasBit(this.#bits, slot)) return false;
    clearBit(this.#bits, slot);
    this.#count--;
    return true;
  }

  clear(): void {
    if (this.#count === 0) return;
    this.#bits.fill(0);
    this.#count = 0;
  }

  /** The members below `end`, ascending. */
  *members(end: number = this.#bits.length * 32): Generator<number> {
    for (let word = 0; word * 32 < end; word++) {
      const bits = this.#bits[word] ?? 0;
      if (bits === 0) continue;
      const last = Math.min(end, (word + 1) * 32);
      for (let slot = word * 32; slot < last; slot++) if (hasBit(this.#bits, slot)) yield slot;
    }
  }

  /** The slots below `end` that are not in it, ascending. */
  *others(end: number): Generator<number> {
    for (let slot = 0; slot < end; slot++) if (!hasBit(this.#bits, slot)) yield slot;
  }
}

/** Bits beyond the array are 0. */
export function hasBit(bits: Uint32Array, at: number): boolean {
  return ((bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
}

export function setBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] ?? 0) | (1 << (at & 31));
}

export function clearBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] ?? 0) & ~(1 << (at & 31));
}

export function fillBits(bits: Uint32Array, from: number, to: number): void {
  let at = from;
  for (; at < to && (at & 31) !== 0; at++) setBit(bits, at);
  const words = (to - at) >>> 5;
  if (words > 0) {
    bits.fill(0xffff_ffff, at >>> 5, (at >>> 5) + words);
    at += words * 32;
  }
  for (; at < to; at++) setBit(bits, at);
}

export function grownBits(bits: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(size);
  larger.set(bits);
  return larger;
}
