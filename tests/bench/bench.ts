/** One measurement by name: what it prints is all anybody may claim. */
export interface Bench {
  readonly name: string;
  /** One line: what is compared with what. */
  readonly what: string;
  run(context: BenchContext): Promise<readonly BenchRow[]>;
}

export interface BenchContext {
  /** An empty folder that is removed afterwards. */
  readonly directory: string;
  /** Round-trip time to add between client and services, ms. */
  readonly rttMs: number;
  /** Whether to keep the work small, for a quick look. */
  readonly isQuick: boolean;
  /** Posts of the forum database. Absent: as many as the bench thinks fit. */
  readonly posts?: number | undefined;
  /** Queries of the forum to run, by name. Absent: all. */
  readonly queries?: readonly string[] | undefined;
  /** Tells a person what is going on. */
  note(text: string): void;
}

/** One printed figure. */
export interface BenchRow {
  readonly name: string;
  readonly value: number;
  /** "ms", "µs", "requests", "bytes", "MB/s", … */
  readonly unit: string;
  /** Against `baseline`, both measured in this run. */
  readonly ratio?: number;
  readonly baseline?: string;
  /** What else was counted in the same runs; printed beside it, and in JSON as further keys. */
  readonly facts?: Readonly<Record<string, string | number>>;
  /** The budget of DESIGN §11, as it is compared with the ratio or, without one, the value. */
  readonly budget?: { readonly max?: number; readonly min?: number };
}

/** Whether the row keeps its budget; undefined when it has none. */
export function isWithinBudget(row: BenchRow): boolean | undefined {
  if (row.budget === undefined) return undefined;
  const figure = row.ratio ?? row.value;
  const { max, min } = row.budget;
  return (max === undefined || figure <= max) && (min === undefined || figure >= min);
}
