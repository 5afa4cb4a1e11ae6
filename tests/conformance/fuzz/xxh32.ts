/**
 * XXH32 once more, straight from its specification: what the local store's checksums are checked
 * with, and put right after damage.
 */
const PRIMES = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1] as const;

/** The checksum of all bytes: 0 … 2^32−1. */
export function xxh32(bytes: Uint8Array, seed = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [p1, p2, p3, p4, p5] = PRIMES;
  let at = 0;
  let hash = seed + p5;
  if (bytes.length >= 16) {
    const lanes = [seed + p1 + p2, seed + p2, seed, seed - p1];
    for (; at + 16 <= bytes.length; at += 16) {
      for (const lane of [0, 1, 2, 3]) {
        const sum = (lanes[lane] ?? 0) + Math.imul(view.getUint32(at + 4 * lane, true), p2);
        lanes[lane] = Math.imul(rotate(sum, 13), p1);
      }
    }
    hash = [1, 7, 12, 18].reduce((sum, count, lane) => sum + rotate(lanes[lane] ?? 0, count), 0);
  }
  hash = (hash + bytes.length) | 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotate(hash + Math.imul(view.getUint32(at, true), p3), 17), p4);
  }
  for (; at < bytes.length; at++) {
    hash = Math.imul(rotate(hash + Math.imul(bytes[at] ?? 0, p5), 11), p1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), p2);
  hash = Math.imul(hash ^ (hash >>> 13), p3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function rotate(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}
