import { isGraftError } from "@graft/core";
import { UsageError } from "./usage-error.ts";

/** What the process answers. */
export const EXIT = { ok: 0, failed: 1, usage: 2, diverged: 3 } as const;

/** The exit code an error stands for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (isGraftError(error, "diverged")) return EXIT.diverged;
  if (isGraftError(error, "invalid-argument")) return EXIT.usage;
  return EXIT.failed;
}
