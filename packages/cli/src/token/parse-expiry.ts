import { UsageError } from "../usage-error.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const FORM = "expected a time from now (30m, 12h, 7d) or a date (2027-01-31T12:00:00Z)";

/** When something ends, ms since 1970. @throws UsageError */
export function parseExpiry(text: string, nowMs: number): number {
  const [, count, unit = ""] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const ms =
    count === undefined
      ? Date.parse(isDate ? text : "")
      : nowMs + Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (Number.isNaN(ms)) throw new UsageError(`--expires ${text}: ${FORM}`);
  if (ms <= nowMs) throw new UsageError(`--expires ${text}: that is over already`);
  return ms;
}
