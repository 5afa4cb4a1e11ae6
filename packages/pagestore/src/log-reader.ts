import type { Lsn, VolumeId } from "@graft/core";
import { logKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";

/** The stored bytes of a commit record; undefined when there is none. The caller owns them. */
export async function readLogObject(
  store: ObjectStore,
  volumeId: VolumeId,
  lsn: Lsn,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  return (await store.get(logKey(volumeId, lsn), { signal }))?.bytes;
}
