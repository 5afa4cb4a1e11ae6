/** The only door to entropy. */
export interface Random {
  /** Overwrites all of `target` with random bytes. */
  fill(target: Uint8Array): void;
}

/** `count` random bytes. */
export function randomBytes(random: Random, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  random.fill(bytes);
  return bytes;
}

const UNIT_BYTES = new Uint8Array(4);
const UNIT_VIEW = new DataView(UNIT_BYTES.buffer);

/** A number in [0, 1), uniform, with 32 bits of entropy. */
export function randomUnit(random: Random): number {
  random.fill(UNIT_BYTES);
  return UNIT_VIEW.getUint32(0) / 0x1_0000_0000;
}
