/** One seed, one run: `GRAFT_FUZZ_SEED=… ` repeats what a failure printed. */
export const FUZZ_SEED: number = Number(process.env.GRAFT_FUZZ_SEED ?? "20260101");

/** The stream of one target, whatever others draw. */
export function seedOf(name: string): number {
  let hash = FUZZ_SEED;
  for (const character of name) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return hash;
}
