/** Pages one fetch asks for beyond the missed ones at most: 2^10 − 1. */
const EXPONENT_MAX = 10;
/**
 * Runs of a statement that fetch only what was missed: a lookup asks for no page it does not touch.
 */
const NARROW_RERUN_COUNT = 4;

/**
 * Pages to fetch beyond the missed ones when a statement has been run again so often: every rerun
 * costs a whole run, so ever more.
 */
export function widening(rerunCount: number): number {
  if (rerunCount < NARROW_RERUN_COUNT) return 0;
  return 2 ** Math.min(rerunCount - NARROW_RERUN_COUNT + 1, EXPONENT_MAX) - 1;
}
