/**
 * What the scorecard says, as it stands in its JSON. All ms include what the machine did besides.
 */
import type { Spread } from "./spread.ts";

export interface Scorecard {
  readonly takenAt: string;
  readonly commit: string;
  readonly command: string;
  readonly machine: Machine;
  readonly dataset: {
    readonly posts: number;
    readonly users: number;
    readonly likes: number;
    readonly seed: number;
    readonly bytes: number;
    readonly pages: number;
  };
  readonly rtts: readonly number[];
  readonly queries: readonly ScorecardQuery[];
  readonly peers: readonly ScorecardPeer[];
  readonly cold: readonly ColdResult[];
  readonly works: readonly WorkResult[];
}

export interface Machine {
  readonly processors: number;
  readonly model: string;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Processes that wanted a processor when the run began, and when it ended. */
  readonly load: readonly [number, number];
}

export interface ScorecardQuery {
  readonly name: string;
  readonly what: string;
  readonly sql: string;
  /** What a fresh SQLite touches at least. */
  readonly limitPages: number;
  /** The same in zstd. */
  readonly limitBytes: number;
}

export interface ScorecardPeer {
  readonly name: string;
  readonly packages: readonly string[];
  readonly way: string;
  readonly unfair: readonly string[];
  /** Why it is in no table. */
  readonly absence?: string;
}

/** One query of one peer at one round-trip time, each sample in a fresh replica. */
export type ColdResult = ColdMeasured | ColdFailed;

export interface ColdMeasured extends ColdSubject {
  readonly kind: "measured";
  /** Opening included, as in all that follows. */
  readonly ms: Spread;
  readonly openMs: Spread;
  readonly roundTrips: Spread;
  readonly requests: Spread;
  readonly bytesDown: Spread;
  readonly connections: Spread;
  /** Memory of the process after it, engine and libraries included. */
  readonly residentBytes: Spread;
  /** The same once more in the same replica. */
  readonly again: { readonly ms: Spread; readonly requests: Spread };
  /** The same with other values, after that. Absent: it takes no values. */
  readonly similar?: {
    readonly ms: Spread;
    readonly roundTrips: Spread;
    readonly bytesDown: Spread;
  };
}

export interface ColdFailed extends ColdSubject {
  readonly kind: "failed";
  readonly why: string;
}

interface ColdSubject {
  readonly peer: string;
  readonly query: string;
  readonly rtt: number;
}

/** A measurement besides the queries. */
export interface WorkResult {
  readonly peer: string;
  readonly work: string;
  readonly rtt: number;
  readonly figures?: readonly WorkFigure[];
  /** In place of figures. */
  readonly why?: string;
}

export interface WorkFigure {
  readonly name: string;
  readonly unit: "ms" | "s" | "requests" | "kB" | "MB" | "round trips";
  readonly spread: Spread;
}

/** Without a delay an answer may come before a request that did not wait for it is sent. */
export function countedRtt(rtts: readonly number[]): number {
  return rtts.find((rtt) => rtt > 0) ?? 0;
}

/** The names of all rows that are ours begin so. */
export const OURS = "graft,";

export function isOurs(peer: string): boolean {
  return peer.startsWith(OURS);
}

/** Above it milliseconds say as much of the machine as of what was measured. */
const QUIET_LOAD = 0.25;

/** Whether so much else ran that milliseconds are no claim. */
export function isLoaded({ machine }: Scorecard): boolean {
  return (machine.load[0] ?? 0) / machine.processors > QUIET_LOAD;
}
