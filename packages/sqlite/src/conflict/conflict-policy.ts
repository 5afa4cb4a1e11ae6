import type { RebaseResult } from "@graft/client";
import type { ResetOutcome } from "../pragma/pragma-context.ts";

/**
 * What is done when another client committed on our base and the two cannot be merged:
 *
 * - "stop" (default): nothing. Local work goes on, `reset` and `rebase` are up to the application.
 * - "reset": theirs is taken; ours is saved first as a file that stock SQLite opens.
 * - "rebase": ours is run again, transaction by transaction, on theirs; what fails goes to the
 *   outbox. Statements are recorded for it.
 */
export type ConflictPolicy = "stop" | "reset" | "rebase";

/** How a divergence ended. */
export type ConflictResolution =
  | ({ readonly kind: "reset" } & ResetOutcome)
  | ({ readonly kind: "rebase" } & RebaseOutcome);

export interface RebaseOutcome extends RebaseResult {
  /** The file with the local work as it was, when some of it could not be run again. */
  readonly savedFile: string | undefined;
}

/** Reads what a user wrote. */
export function isConflictPolicy(text: string): text is ConflictPolicy {
  return text === "stop" || text === "reset" || text === "rebase";
}
