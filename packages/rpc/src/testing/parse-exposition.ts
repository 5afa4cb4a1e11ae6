/**
 * Reads the text that a Prometheus server scrapes (format 0.0.4), strictly: what the format leaves
 * open, and what `promtool check metrics` complains about, is an error here.
 */

export type MetricType = "counter" | "gauge" | "histogram";

export interface ExposedSample {
  /** As written: a histogram's with `_bucket`, `_sum` or `_count`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric with all its series. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: ExposedSample[];
}

const NAME = /^[a-z][a-z0-9_]*$/;
const NUMBER = /^(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|NaN|[-+]Inf)$/i;
/** Units that are not the base units, and abbreviations of them. */
const UNIT = /_(ms|millis|milliseconds|us|ns|minutes|hours|kb|kib|mb|mib|gb|gib|secs|percent)(_|$)/;
const RESERVED = /_(bucket|count|sum|info_total)$/;

/** All metrics of a text, by name. @throws Error naming the line and what is wrong with it */
export function parseExposition(text: string): ReadonlyMap<string, MetricFamily> {
  if (!text.endsWith("\n")) throw new Error("the text does not end in a line feed");
  const families = new Map<string, MetricFamily>();
  const seen = new Set<string>();
  let help: { readonly name: string; readonly text: string } | undefined;
  let family: MetricFamily | undefined;
  for (const [at, line] of text.slice(0, -1).split("\n").entries()) {
    const check = (holds: boolean, rule: string): void => {
      if (!holds) throw new Error(`line ${at + 1}, ${JSON.stringify(line)}: ${rule}`);
    };
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      check(help === undefined, "a HELP is followed by its TYPE");
      check(!families.has(name), "a metric is told once, all of it together");
      check(/^[A-Z0-9]/.test(rest) && rest.endsWith("."), "help is a sentence");
      help = { name, text: rest };
    } else if (keyword === "TYPE") {
      check(help?.name === name, "a TYPE follows its HELP");
      check(rest === "counter" || rest === "gauge" || rest === "histogram", "a type that we use");
      const type = rest as MetricType;
      for (const fault of nameFaults(name, type)) check(false, fault);
      family = { name, help: help?.text ?? "", type, samples: [] };
      families.set(name, family);
      help = undefined;
    } else {
      const sample = parseSample(line, check);
      check(help === undefined && family !== undefined, "samples follow HELP and TYPE");
      if (family === undefined) continue;
      check(belongs(sample.name, family), `a sample of ${family.name}`);
      const { labels } = sample;
      const series = `${sample.name} ${JSON.stringify(Object.entries(labels).sort())}`;
      check(!seen.has(series), "a series is told once");
      seen.add(series);
      check(family.type !== "counter" || sample.value >= 0, "a counter is not below 0");
      check("le" in labels === sample.name.endsWith("_bucket"), "buckets, and only they, have le");
      check(!("quantile" in labels), "only summaries have quantiles");
      family.samples.push(sample);
    }
  }
  for (const each of families.values()) if (each.type === "histogram") checkHistogram(each);
  return families;
}

function nameFaults(name: string, type: MetricType): readonly string[] {
  const faults: string[] = [];
  if (!NAME.test(name)) faults.push("names are small letters, digits and _");
  if (name.endsWith("_total") !== (type === "counter")) faults.push("counters end in _total");
  if (RESERVED.test(name)) faults.push("the end of the name is a histogram's");
  if (UNIT.test(name)) faults.push("units are seconds and bytes");
  if (/_(counter|gauge|histogram)(_|$)/.test(name)) faults.push("the type is no part of the name");
  return faults;
}

function belongs(name: string, family: MetricFamily): boolean {
  if (family.type !== "histogram") return name === family.name;
  return ["_bucket", "_sum", "_count"].some((end) => name === `${family.name}${end}`);
}

function parseSample(line: string, check: (holds: boolean, rule: string) => void): ExposedSample {
  const parts = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line);
  check(parts !== null, "a comment or a sample: name, labels, value");
  const [, name = "", text, value = ""] = parts ?? [];
  check(NUMBER.test(value), "the value is a number");
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== undefined) {
    const label = /^([a-z_][a-z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest);
    check(label !== null, 'labels are name="value", with \\ before ", \\ and n only');
    const [all = "", key = "", raw = ""] = label ?? [];
    check(
      !key.startsWith("__") && !(key in labels),
      "a label is told once, and is not ours to use",
    );
    labels[key] = raw.replaceAll(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign));
    rest = all.length === rest.length ? undefined : rest.slice(all.length);
  }
  return { name, labels, value: toNumber(value) };
}

function toNumber(text: string): number {
  return text.endsWith("Inf") ? Number(`${text}inity`) : Number(text);
}

/** Cumulative, ascending, with all observations in the last; sum and count beside. */
function checkHistogram({ name, samples }: MetricFamily): void {
  const series = Map.groupBy(samples, ({ labels: { le: _, ...others } }) => JSON.stringify(others));
  for (const [labels, each] of series) {
    const buckets = each.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map((sample) => toNumber(sample.labels.le ?? ""));
    const counts = buckets.map(({ value }) => value);
    const isAscending = (list: readonly number[], least: number): boolean =>
      list.every((value, at) => at === 0 || value - (list[at - 1] ?? 0) >= least);
    const count = each.find((sample) => sample.name === `${name}_count`)?.value;
    const hasSum = each.some((sample) => sample.name === `${name}_sum`);
    if (
      !isAscending(bounds, Number.MIN_VALUE) ||
      !isAscending(counts, 0) ||
      bounds.at(-1) !== Number.POSITIVE_INFINITY ||
      counts.at(-1) !== count ||
      !hasSum
    ) {
      throw new Error(`${name}${labels}: its buckets, sum and count do not belong together`);
    }
  }
}
