import { isGraftError } from "@graft/core";
import {
  type CommitAnswer,
  type Counter,
  type Labels,
  type MetricsRegistry,
  saysNothingWritten,
} from "@graft/rpc";

const COMMITTED: Labels = { outcome: "committed" };
const REPLAYED: Labels = { outcome: "replayed" };
const REJECTED: Labels = { outcome: "rejected" };
const REFUSED: Labels = { outcome: "refused" };
const UNKNOWN: Labels = { outcome: "unknown" };

/**
 * `graft_commits_total{outcome}`: each request to commit once. `committed`, or `replayed`: sent
 * again, and answered as before; `rejected`: a conflict, another commit holds the LSN; `refused`:
 * nothing was written for another reason; `unknown`: the store did not say.
 */
export class CommitTally {
  readonly #commits: Counter;

  constructor(metrics: MetricsRegistry) {
    this.#commits = metrics.counter("graft_commits_total", "Requests to commit, by outcome.");
    // A rate needs the series before the first of its kind.
    for (const each of [COMMITTED, REPLAYED, REJECTED, REFUSED, UNKNOWN])
      this.#commits.add(each, 0);
  }

  /** Counts how a request ends. What it answers or throws passes through. */
  async count(commit: Promise<CommitAnswer>): Promise<CommitAnswer> {
    try {
      const answer = await commit;
      this.#commits.add(answer.replayed ? REPLAYED : COMMITTED);
      return answer;
    } catch (error) {
      this.#commits.add(outcomeOf(error));
      throw error;
    }
  }
}

function outcomeOf(error: unknown): Labels {
  if (isGraftError(error, "rejected")) return REJECTED;
  return isGraftError(error) && saysNothingWritten(error) ? REFUSED : UNKNOWN;
}
