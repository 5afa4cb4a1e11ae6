import { median } from "../measure.ts";

/** What repeated measurements of one thing gave. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    count: values.length,
  };
}

/** "12", or "12 (10–19)" where they differ. */
export function formatSpread(
  { median, min, max }: Spread,
  format: (value: number) => string = formatNumber,
): string {
  const [low, high] = [format(min), format(max)];
  return low === high ? format(median) : `${format(median)} (${low}–${high})`;
}

/** Three digits that say something, and all digits of whole numbers from 100 up. */
export function formatNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return Number(value.toPrecision(3)).toString();
}

/** In kB of 1,000 bytes. */
export function formatKilobytes(bytes: number): string {
  return formatNumber(bytes / 1000);
}
