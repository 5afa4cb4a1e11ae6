import type { Lsn } from "@graft/core";
import { decodeHeadHint, headKey, logKey } from "@graft/format";
import type { CheckContext } from "./check-context.ts";
import type { VolumeListing } from "./volume-listing.ts";

/** So far behind a hint may stay; while commits come fast it is up to a second behind. */
const LATE_COUNT_MAX = 4n;

/**
 * The head hint: never above the head. Missing, damaged or late it costs requests and nothing else.
 *
 * @param head the newest record when the volume was listed
 */
export async function checkHead(
  context: CheckContext,
  { hasHead }: VolumeListing,
  head: Lsn | undefined,
): Promise<void> {
  const key = headKey(context.volumeId);
  const bytes = hasHead ? (await context.get(key))?.bytes : undefined;
  if (bytes === undefined) {
    if (head !== undefined) context.note(key, "missing: readers look for the head themselves");
    return;
  }
  const hint = decodeHeadHint(bytes);
  if (hint === undefined) {
    return context.warn(key, "it is no LSN: readers look for the head themselves");
  }
  const known = head ?? 0n;
  if (hint > known) {
    // Commits go on while we look: what was not listed may be there now.
    const size = await context.sizeOf(logKey(context.volumeId, hint));
    if (size !== undefined) return;
    return context.damage(key, `it says LSN ${hint}, the newest record is LSN ${known}`);
  }
  const late = known - hint;
  if (late <= LATE_COUNT_MAX) return;
  const cost = "readers probe forward; a server renews it within a second of the next commit";
  context.warn(key, `stale: it says LSN ${hint}, the newest record is LSN ${known}; ${cost}`);
}
