import { GraftError } from "@graft/core";
import { originOf } from "./describe-error.ts";
import { UsageError } from "./usage-error.ts";

/** What the process answers. */
export const EXIT = { ok: 0, failed: 1, usage: 2, diverged: 3 } as const;

/** The exit code an error stands for. What SQLite reports counts as what it reports it for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  const told = originOf(error);
  if (!(told instanceof GraftError)) return EXIT.failed;
  switch (told.code) {
    case "diverged":
      return EXIT.diverged;
    case "invalid-argument":
      return error === told ? EXIT.usage : EXIT.failed;
    default:
      return EXIT.failed;
  }
}
