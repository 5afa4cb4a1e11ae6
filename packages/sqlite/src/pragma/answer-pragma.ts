import type { PragmaAnswer } from "@graft/sqlite-engine";
import { FIXED_PRAGMAS } from "./fixed-pragmas.ts";
import { GRAFT_PRAGMAS } from "./graft-pragmas.ts";
import { errorAnswer } from "./pragma-answer.ts";
import type { PragmaContext, PragmaHandler } from "./pragma-context.ts";

const HANDLERS: ReadonlyMap<string, PragmaHandler> = new Map(
  Object.entries({ ...FIXED_PRAGMAS, ...GRAFT_PRAGMAS }),
);

/**
 * Answers a pragma that is ours; `unknown` leaves it to SQLite. Names of ours that do not exist
 * fail.
 */
export function answerPragma(
  context: PragmaContext,
  name: string,
  value: string | undefined,
): PragmaAnswer {
  const lowerName = name.toLowerCase();
  const handler = HANDLERS.get(lowerName);
  if (handler !== undefined) return handler(context, value);
  if (!lowerName.startsWith("graft_")) return { kind: "unknown" };
  const known = Object.keys(GRAFT_PRAGMAS).join(", ");
  return errorAnswer(`no such pragma: ${name}; there are ${known}`);
}

/** The lower-case name, when it is a pragma that is answered here. */
export function ownPragmaName(name: string): string | undefined {
  const lowerName = name.toLowerCase();
  return HANDLERS.has(lowerName) ? lowerName : undefined;
}
