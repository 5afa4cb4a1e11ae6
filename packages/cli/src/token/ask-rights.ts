import type { Remote } from "@graft/client";
import { isGraftError, PAGE_SIZE_DEFAULT, type VolumeId } from "@graft/core";

/**
 * What the bearer of a token may do with a volume, as the server says; "create" it does not say.
 */
export interface Rights {
  readonly read: boolean;
  readonly write: boolean;
}

/**
 * Asks a server what the token of a connection gives on a volume. Nothing is written: the question
 * about writing is a write of no pages.
 *
 * @throws GraftError `unauthenticated`: the token is not valid there · `unavailable`
 */
export async function askRights(
  remote: Pick<Remote, "getSnapshot" | "writePages">,
  volumeId: VolumeId,
  signal: AbortSignal,
): Promise<Rights> {
  const read = await isAllowed(remote.getSnapshot(volumeId, signal));
  const write = await isAllowed(remote.writePages(volumeId, PAGE_SIZE_DEFAULT, [], signal));
  return { read, write };
}

async function isAllowed(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isGraftError(error, "permission-denied")) return false;
    throw error;
  }
}
