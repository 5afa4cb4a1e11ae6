/**
 * Finds the last LSN of a gap-free log with single lookups, and no listing. From a hint that is k
 * behind it takes about 2 log₂ k + 2 lookups; from a hint that is exact, two; from no hint at all,
 * those from 0.
 *
 *     known to exist ──+1──+2──+4──▶ missing       (gallop)
 *                            ├── halves ──┤        (search)
 */
import { LSN_LAST, type Lsn, toLsn } from "@graft/core";

/**
 * @param exists whether the log has a record at an LSN
 * @param hint an LSN near the last one; it may be wrong in both directions
 * @returns the last LSN; undefined when there is none
 */
export async function findHead(
  exists: (lsn: Lsn) => Promise<boolean>,
  hint: Lsn | undefined,
): Promise<Lsn | undefined> {
  // Invariant: `low` exists (0 stands for "before the first"), `high` does not.
  let low = 0n;
  let high: bigint = LSN_LAST + 1n;
  if (hint !== undefined) {
    if (await exists(hint)) low = hint;
    else high = hint;
  }
  for (let step = 1n; low + step < high; step *= 2n) {
    if (!(await exists(toLsn(low + step)))) {
      high = low + step;
      break;
    }
    low += step;
  }
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (await exists(toLsn(middle))) low = middle;
    else high = middle;
  }
  return low === 0n ? undefined : toLsn(low);
}
