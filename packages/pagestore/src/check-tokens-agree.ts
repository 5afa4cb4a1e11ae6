import { type Clock, createVolumeId, GraftError, isGraftError, type Random } from "@graft/core";
import { fromGetSnapshotRequest, type MetastoreClient } from "@graft/rpc";

/** How long the MetaStore is waited for, ms: it may be started later. */
const TIMEOUT_MS = 2000;

/**
 * A PageStore that asks nobody for a token, beside a MetaStore that does, would answer from its
 * caches what that one refuses. A MetaStore that cannot be reached now is not waited for.
 *
 * @throws GraftError `invalid-argument`: it wants tokens
 */
export async function checkTokensAgree(
  client: MetastoreClient,
  means: { readonly clock: Clock; readonly random: Random },
): Promise<void> {
  // Nobody has this volume: the answer is either that, or that a token is missing.
  const request = fromGetSnapshotRequest({ volumeId: createVolumeId(means) });
  try {
    await client.getSnapshot(request, { timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (!isGraftError(error, "unauthenticated")) return;
    throw new GraftError(
      "invalid-argument",
      "the MetaStore asks for tokens, and this PageStore does not: give it the same keys (GRAFT_TOKEN_KEYS, --token-keys or --jwks)",
      { cause: error },
    );
  }
}
