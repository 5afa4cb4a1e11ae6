/**
 * Bits in arrays of 32-bit words: bit i is bit (i & 31) of word i >> 5. Ranges are inclusive, must
 * lie inside the array, and must not be empty.
 */

/** The word at `index`. A word outside the array is broken code, and throws. */
export function wordAt(words: Uint16Array | Uint32Array, index: number): number {
  const word = words[index];
  if (word === undefined) {
    throw new RangeError(`word ${index} is outside the ${words.length} words`);
  }
  return word;
}

/** Whether bit `index` is one. */
export function hasBit(words: Uint32Array, index: number): boolean {
  return (wordAt(words, index >>> 5) & (1 << (index & 31))) !== 0;
}

/** Makes the bits first…last one. */
export function setBits(words: Uint32Array, first: number, last: number): void {
  for (let index = first >>> 5; index <= last >>> 5; index++) {
    words[index] = wordAt(words, index) | maskOf(index, first, last);
  }
}

/** Makes the bits first…last zero. */
export function clearBits(words: Uint32Array, first: number, last: number): void {
  for (let index = first >>> 5; index <= last >>> 5; index++) {
    words[index] = wordAt(words, index) & ~maskOf(index, first, last);
  }
}

/** How many of the bits first…last are one. */
export function countBits(words: Uint32Array, first: number, last: number): number {
  let count = 0;
  for (let index = first >>> 5; index <= last >>> 5; index++) {
    count += popcount(wordAt(words, index) & maskOf(index, first, last));
  }
  return count;
}

/** How many runs of ones start at one of the bits first…last. */
export function countRunStarts(words: Uint32Array, first: number, last: number): number {
  let count = 0;
  let carry = first >>> 5 === 0 ? 0 : wordAt(words, (first >>> 5) - 1) >>> 31;
  for (let index = first >>> 5; index <= last >>> 5; index++) {
    const word = wordAt(words, index);
    count += popcount(word & ~((word << 1) | carry) & maskOf(index, first, last));
    carry = word >>> 31;
  }
  return count;
}

/** The first one at or after `from`, or −1. `from` may be just past the end. */
export function nextOne(words: Uint32Array, from: number): number {
  return nextBit(words, from, 0);
}

/** The first zero at or after `from`, or −1. `from` may be just past the end. */
export function nextZero(words: Uint32Array, from: number): number {
  return nextBit(words, from, -1);
}

/** How many bits of one 32-bit word are one. */
export function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function nextBit(words: Uint32Array, from: number, flip: 0 | -1): number {
  let mask = -1 << (from & 31);
  for (let index = from >>> 5; index < words.length; index++) {
    const found = (wordAt(words, index) ^ flip) & mask;
    if (found !== 0) {
      return index * 32 + 31 - Math.clz32(found & -found);
    }
    mask = -1;
  }
  return -1;
}

function maskOf(index: number, first: number, last: number): number {
  const fromFirst = index === first >>> 5 ? -1 << (first & 31) : -1;
  const toLast = index === last >>> 5 ? -1 >>> (31 - (last & 31)) : -1;
  return fromFirst & toLast;
}
