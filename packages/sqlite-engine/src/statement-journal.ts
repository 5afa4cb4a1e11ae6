import type { Parameters } from "./parameters.ts";
import type { RunMode } from "./statement-kind.ts";

/**
 * Told of every statement of a connection that may change something, and asked for chance: what is
 * needed to run the same statements again and get the same values. Its methods are called in the
 * middle of SQLite: they must not throw.
 */
export interface StatementJournal {
  /** A statement runs from its beginning. Those that only read are not told. */
  begin(run: StatementRun): void;
  /** What it did so far was undone (it missed a page), and it runs once more. */
  restart(): void;
  /** It ended. "partly": it failed, and what it did before is kept (`OR FAIL`). */
  end(outcome: "done" | "failed" | "partly"): void;
  /** Bytes for `random()` and `randomblob()`, also of statements that only read. */
  draw(target: Uint8Array): void;
}

export interface StatementRun {
  readonly sql: string;
  readonly mode: Exclude<RunMode, "read">;
  /** As they were bound; nobody changes them any more. */
  readonly parameters: Parameters;
  /** Whether a transaction was open before it. */
  readonly isInTransaction: boolean;
}
