import type { Runtime } from "@graft/client";

/** How long people are told of it: `graft doctor` knows it for ever. */
const TOLD_MS = 24 * 60 * 60 * 1000;

/** What to say of a data directory that was copied or restored lately; else undefined. */
export function describeSuccession(
  { succeeds, clientId }: Pick<Runtime, "succeeds" | "clientId">,
  nowMs: number,
): string | undefined {
  if (succeeds === undefined || nowMs - succeeds.sinceMs > TOLD_MS) return undefined;
  const what = succeeds.reason === "copied" ? "is a copy" : "is an older state of itself";
  return (
    `this data directory ${what}: it is client ${clientId} now, and was ${succeeds.clientId}; ` +
    "a push prepared before is still sent as that one's"
  );
}
