/**
 * A tiny Prometheus registry: counters, gauges, histograms, and values read when somebody looks.
 */
import { invariant } from "@graft/core";

export type Labels = Readonly<Record<string, string>>;

/** One value with its labels, as a callback reports it. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Only grows. */
export interface Counter {
  add(labels: Labels, amount?: number): void;
}

/** Goes up and down. */
export interface Gauge {
  set(labels: Labels, value: number): void;
  add(labels: Labels, amount: number): void;
}

/** Counts observations by upper bounds. */
export interface Histogram {
  observe(labels: Labels, value: number): void;
}

/** Seconds: 1 ms … 10 s, about a factor of 2.5 a step. */
export const LATENCY_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Series of one metric at the very most: a label that grows without bound is a bug of ours. */
const SERIES_COUNT_MAX = 1000;
const NAME = /^[a-z][a-z0-9_]*$/;
/** Written by histograms themselves. */
const RESERVED = /_(bucket|count|sum)$/;

interface Metric {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  lines(name: string): Iterable<string>;
}

/** All metrics of a process. A name is registered once; the same name again is the same metric. */
export class MetricsRegistry {
  readonly #metrics = new Map<string, Metric>();

  counter(name: string, help: string): Counter {
    return this.#register(name, () => new ValueMetric("counter", help));
  }

  gauge(name: string, help: string): Gauge {
    return this.#register(name, () => new ValueMetric("gauge", help));
  }

  histogram(
    name: string,
    help: string,
    bounds: readonly number[] = LATENCY_BUCKETS_SECONDS,
  ): Histogram {
    return this.#register(name, () => new HistogramMetric(help, bounds));
  }

  /** A metric whose values are read when somebody looks. Registering the name again replaces it. */
  callback(
    kind: "counter" | "gauge",
    name: string,
    help: string,
    read: () => Iterable<Sample>,
  ): void {
    mustBeNameOf(kind, name);
    this.#metrics.set(name, {
      kind,
      help,
      *lines() {
        for (const { labels, value } of read()) {
          yield `${name}${formatLabels(labels)} ${formatValue(value)}`;
        }
      },
    });
  }

  /** The Prometheus text format, version 0.0.4. */
  render(): string {
    const lines: string[] = [];
    for (const [name, metric] of this.#metrics) {
      lines.push(`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.kind}`);
      lines.push(...metric.lines(name));
    }
    return `${lines.join("\n")}\n`;
  }

  #register<T extends Metric>(name: string, make: () => T): T {
    const metric = make();
    mustBeNameOf(metric.kind, name);
    const known = this.#metrics.get(name);
    if (known === undefined) {
      this.#metrics.set(name, metric);
      return metric;
    }
    invariant(known.constructor === metric.constructor, `metric ${name} keeps its kind`);
    return known as T;
  }
}

/** Content type of `render()`. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

class ValueMetric implements Metric, Counter, Gauge {
  readonly kind: "counter" | "gauge";
  readonly help: string;
  readonly #values = new Map<string, number>();

  constructor(kind: "counter" | "gauge", help: string) {
    this.kind = kind;
    this.help = help;
  }

  add(labels: Labels, amount = 1): void {
    const key = formatLabels(labels);
    this.set(labels, (this.#values.get(key) ?? 0) + amount);
  }

  set(labels: Labels, value: number): void {
    const key = formatLabels(labels);
    if (!this.#values.has(key) && this.#values.size >= SERIES_COUNT_MAX) return;
    this.#values.set(key, value);
  }

  *lines(name: string): Iterable<string> {
    for (const [labels, value] of this.#values) yield `${name}${labels} ${formatValue(value)}`;
  }
}

interface HistogramSeries {
  readonly labels: Labels;
  readonly counts: number[];
  count: number;
  sum: number;
}

class HistogramMetric implements Metric, Histogram {
  readonly kind = "histogram";
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, HistogramSeries>();

  constructor(help: string, bounds: readonly number[]) {
    this.help = help;
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const key = formatLabels(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= SERIES_COUNT_MAX) return;
      series = { labels, counts: this.#bounds.map(() => 0), count: 0, sum: 0 };
      this.#series.set(key, series);
    }
    series.count++;
    series.sum += value;
    for (let at = this.#bounds.length - 1; at >= 0; at--) {
      if (value > (this.#bounds[at] ?? 0)) break;
      series.counts[at] = (series.counts[at] ?? 0) + 1;
    }
  }

  *lines(name: string): Iterable<string> {
    for (const { labels, counts, count, sum } of this.#series.values()) {
      for (const [at, bound] of this.#bounds.entries()) {
        yield `${name}_bucket${formatLabels({ ...labels, le: String(bound) })} ${counts[at] ?? 0}`;
      }
      yield `${name}_bucket${formatLabels({ ...labels, le: "+Inf" })} ${count}`;
      yield `${name}_sum${formatLabels(labels)} ${formatValue(sum)}`;
      yield `${name}_count${formatLabels(labels)} ${count}`;
    }
  }
}

/** As Prometheus has it: counters, and only they, end in `_total`. */
function mustBeNameOf(kind: Metric["kind"], name: string): void {
  const isFit = name.endsWith("_total") === (kind === "counter") && !RESERVED.test(name);
  invariant(NAME.test(name) && isFit, `"${name}" is a Prometheus name of a ${kind}`);
}

function formatValue(value: number): string {
  return Number.isFinite(value) || Number.isNaN(value)
    ? String(value)
    : `${value > 0 ? "+" : "-"}Inf`;
}

/** Callers that count often keep their labels: then they are written once. */
const FORMATTED = new WeakMap<Labels, string>();

function formatLabels(labels: Labels): string {
  const known = FORMATTED.get(labels);
  if (known !== undefined) return known;
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  const text = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  FORMATTED.set(labels, text);
  return text;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
