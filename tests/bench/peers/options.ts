import { parseArgs } from "node:util";

export interface ScorecardOptions {
  readonly posts: number;
  readonly rtts: readonly number[];
  readonly samples: number;
  /** Of queries and of peers, by their beginnings. Absent: all. */
  readonly queries: readonly string[] | undefined;
  readonly peers: readonly string[] | undefined;
  /** Whether only the queries are run, and no other work. */
  readonly isColdOnly: boolean;
  readonly isQuick: boolean;
  readonly isJson: boolean;
  /** Where the scorecard goes. Absent: nowhere. */
  readonly out: string | undefined;
}

export const USAGE = `bench peers [--posts N] [--rtts 0,20,100] [--samples N] [--queries Q1,Q2]
            [--peers NAME,…] [--cold-only] [--quick] [--json] [--out FOLDER | --no-out]

Runs the forum's queries on graft and on its peers, behind one counting proxy, and writes
scorecard.md, scorecard.json and scorecard.svg into FOLDER (default: docs; with --quick, nothing).
`;

/** Undefined: the words say nothing that could be run. */
export function parseScorecardOptions(argv: readonly string[]): ScorecardOptions | undefined {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch {
    return undefined;
  }
  const isQuick = values.quick;
  const posts = Number(values.posts ?? (isQuick ? 5_000 : 1_000_000));
  const samples = Number(values.samples ?? (isQuick ? 1 : 5));
  const rtts = (values.rtts ?? (isQuick ? "20" : "0,20,100")).split(",").map(Number);
  const areRtts = rtts.every((rtt) => Number.isFinite(rtt) && rtt >= 0 && rtt <= 1000);
  const isPosts = Number.isInteger(posts / 10) && posts >= 2000 && posts <= 1e7;
  if (!areRtts || !isPosts || !(Number.isInteger(samples) && samples >= 1)) return undefined;
  return {
    posts,
    rtts,
    samples,
    queries: values.queries?.split(","),
    peers: values.peers?.split(","),
    isColdOnly: values["cold-only"],
    isQuick,
    isJson: values.json,
    out: values["no-out"] ? undefined : (values.out ?? (isQuick ? undefined : "docs")),
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      posts: { type: "string" },
      rtts: { type: "string" },
      samples: { type: "string" },
      queries: { type: "string" },
      peers: { type: "string" },
      "cold-only": { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      "no-out": { type: "boolean", default: false },
    },
  }).values;
}
