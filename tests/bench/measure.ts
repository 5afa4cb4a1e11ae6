/**
 * Measuring on shared, noisy machines: subjects take turns, round by round, and what is quoted is
 * the median and the ratio within a round.
 */
export interface Subject {
  readonly name: string;
  /** Runs the work once and returns how long it took, ms. */
  readonly run: () => Promise<number> | number;
}

export interface Measured {
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Median over the rounds of this subject's time divided by the first subject's. */
  readonly ratio: number;
}

/**
 * Runs all subjects `rounds` times, in turn, after one warm-up each. The first one is the baseline.
 */
export async function compare(
  subjects: readonly Subject[],
  rounds: number,
): Promise<readonly Measured[]> {
  const times = subjects.map((): number[] => []);
  for (const subject of subjects) await subject.run();
  for (let round = 0; round < rounds; round++) {
    for (const [at, subject] of subjects.entries()) times[at]?.push(await subject.run());
  }
  const baseline = times[0] ?? [];
  return subjects.map((subject, at) => {
    const mine = times[at] ?? [];
    return {
      name: subject.name,
      medianMs: median(mine),
      minMs: Math.min(...mine),
      maxMs: Math.max(...mine),
      ratio: median(mine.map((ms, round) => ms / (baseline[round] ?? Number.NaN))),
    };
  });
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** @param share 0 … 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return sorted[at] ?? Number.NaN;
}

/** How long the work takes, ms. */
export async function time(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
