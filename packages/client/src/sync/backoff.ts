import { type Random, randomUnit } from "@graft/core";

const BASE_MS = 50;
const MAX_MS = 5_000;

/**
 * How long to wait after the `attempt`-th failure, 1 and up: a random time up to 50 ms · 2^attempt,
 * at most 5 s ("full jitter": clients that failed together do not come back together).
 */
export function backoffMs(attempt: number, random: Random): number {
  return randomUnit(random) * Math.min(MAX_MS, BASE_MS * 2 ** attempt);
}
