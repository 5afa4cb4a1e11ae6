/**
 * What a volume that syncs by itself does next. Pure: facts in, one step out.
 *
 * ```
 * follower ─▶ wait                       another process speaks with the server
 * news names our push ─▶ settle          no request
 * news ─▶ apply                          unless an outcome is open: then it waits
 * diverged ─▶ reconcile, once ─▶ wait    nothing is tried blindly
 * commits wait ─▶ push                   when the delay is over
 * something was missed ─▶ pull           at once; without a stream every now and then
 * ```
 *
 * What speaks with the server waits for the end of a backoff; what does not never does.
 */
import type { SyncState } from "./sync-state.ts";

export interface SyncFacts {
  /** Monotonic ms, as all times here. */
  readonly nowMs: number;
  readonly state: SyncState;
  /** Whether this process speaks with the server for the volume. */
  readonly isLeader: boolean;
  /** Whether the stream tells everything. */
  readonly isLive: boolean;
  /** Whether news waits. */
  readonly hasNews: boolean;
  /** Whether news names the push that is prepared. */
  readonly hasOwnPush: boolean;
  /** Whether there is something that the news does not tell. */
  readonly mustPull: boolean;
  /** When to ask for changes again while the stream does not tell them. */
  readonly pullDueMs: number;
  /** When the commits that wait have waited long enough. */
  readonly pushDueMs: number;
  /** End of the backoff after a failure. */
  readonly retryDueMs: number;
  /** Whether this divergence is left to the application. */
  readonly isResting: boolean;
}

export type SyncStep =
  | { readonly kind: "settle" | "apply" | "reconcile" | "push" | "pull" }
  /** For something to happen, or for the time; Infinity: for something to happen. */
  | { readonly kind: "wait"; readonly untilMs: number };

/** How often to look whether another process has ended its push. */
const ELSEWHERE_MS = 250;

export function planSync(facts: SyncFacts): SyncStep {
  const { nowMs, state } = facts;
  if (!facts.isLeader) return until(Number.POSITIVE_INFINITY);
  switch (state) {
    case "pushing":
      return until(nowMs + ELSEWHERE_MS);
    case "unknown":
      if (facts.hasOwnPush) return { kind: "settle" };
      return at(facts, { kind: "push" }, facts.retryDueMs);
    case "diverged":
      if (facts.isResting) return until(Number.POSITIVE_INFINITY);
      return at(facts, { kind: "reconcile" }, facts.retryDueMs);
    case "pending": {
      if (facts.hasNews) return { kind: "apply" };
      const pull = pullTime(facts);
      const push = Math.max(facts.retryDueMs, facts.pushDueMs);
      // What is overdue goes first: commits that never end do not keep what is new away.
      return pull < push ? at(facts, { kind: "pull" }, pull) : at(facts, { kind: "push" }, push);
    }
    case "synced":
      if (facts.hasNews) return { kind: "apply" };
      return at(facts, { kind: "pull" }, pullTime(facts));
  }
}

/** Whether the step waits for the end of a backoff. */
export function speaksWithServer({ kind }: SyncStep): boolean {
  return kind === "push" || kind === "pull" || kind === "reconcile";
}

function pullTime(facts: SyncFacts): number {
  if (facts.mustPull) return facts.retryDueMs;
  if (facts.isLive) return Number.POSITIVE_INFINITY;
  return Math.max(facts.retryDueMs, facts.pullDueMs);
}

function at({ nowMs }: SyncFacts, step: SyncStep, timeMs: number): SyncStep {
  return timeMs <= nowMs ? step : until(timeMs);
}

function until(untilMs: number): SyncStep {
  return { kind: "wait", untilMs };
}
