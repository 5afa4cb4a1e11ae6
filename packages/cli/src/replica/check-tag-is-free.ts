import { GraftError, type VolumeId } from "@graft/core";
import type { Replica } from "./open-replica.ts";

/**
 * Refuses a tag that names something else, before anything is sent.
 *
 * @param volumeId what the tag is to name; undefined: a volume that is yet to be made
 * @throws GraftError `invalid-argument`
 */
export function checkTagIsFree(
  { runtime, path }: Replica,
  tag: string,
  volumeId: VolumeId | undefined,
): void {
  const taken = runtime.tags.get(tag);
  if (taken === undefined || taken === volumeId) return;
  const wanted = volumeId === undefined ? "" : `, not ${volumeId}`;
  throw new GraftError(
    "invalid-argument",
    `tag "${tag}" in "${path}" names volume ${taken}${wanted}: use another tag or another --path`,
    { details: { tag, volume: taken } },
  );
}
