/** The token that commands send: what it says, its key, what a server makes of it. */
import { type Inspection, inspectToken, type LocalKey, type Scope } from "@graft/auth";
import { openNodeRemote } from "@graft/client/node";
import { type Clock, isGraftError, type VolumeId } from "@graft/core";
import { askRights } from "../token/ask-rights.ts";
import type { Check } from "./check.ts";
import { withDeadline } from "./deadline.ts";
import { judgeFailure } from "./judge.ts";
import { judgeKeys, judgeRights, judgeToken } from "./judge-token.ts";

const TIMEOUT_MS = 5_000;

export interface TokenPlace {
  readonly token: string;
  /** Those of the server, the one that makes tokens first; none where they are not known here. */
  readonly keys: readonly LocalKey[];
  readonly url: string;
  readonly pagestoreUrl: string;
}

export async function* examineToken(
  place: TokenPlace,
  means: { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<Check> {
  const { token, keys, url } = place;
  let seen: Inspection;
  try {
    seen = inspectToken(token, keys);
  } catch (error) {
    if (!isGraftError(error)) throw error;
    yield { name: "token", target: url, ...judgeFailure(error) };
    return;
  }
  const claims = seen.kind === "unknown" ? undefined : seen.claims;
  yield { name: "token", target: url, ...judgeToken(seen, claims, means.clock.nowMs()) };
  if (seen.kind === "paseto" && keys.length > 0) {
    const at = keys.findIndex((key) => isOpenedBy(token, key));
    yield { name: "token key", target: url, ...judgeKeys(keys.length, at < 0 ? undefined : at) };
  }
  const named = volumeOf(claims?.scopes ?? []);
  if (named !== undefined) yield await examineRights(place, named, means);
}

function isOpenedBy(token: string, key: LocalKey): boolean {
  const seen = inspectToken(token, [key]);
  return seen.kind === "paseto" && seen.claims !== undefined;
}

interface NamedVolume {
  readonly volumeId: VolumeId;
  readonly access: readonly string[];
}

/** The first volume that a token names by its whole id, with what it says of it alone. */
function volumeOf(scopes: readonly Scope[]): NamedVolume | undefined {
  for (const { volumes, access } of scopes) {
    for (const pattern of volumes) {
      if (pattern.kind === "exact") return { volumeId: pattern.volumeId, access };
    }
  }
  return undefined;
}

async function examineRights(
  { token, url: metastore, pagestoreUrl: pagestore }: TokenPlace,
  { volumeId, access }: NamedVolume,
  means: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Check> {
  const about = { name: "token rights", target: `${metastore}, volume ${volumeId}` };
  const remote = openNodeRemote({ url: { metastore, pagestore }, token, timeoutMs: TIMEOUT_MS });
  try {
    const rights = await withDeadline(metastore, TIMEOUT_MS, means, (signal) =>
      askRights(remote, volumeId, signal),
    );
    return { ...about, ...judgeRights(rights, access) };
  } catch (error) {
    means.signal.throwIfAborted();
    return { ...about, ...judgeFailure(error) };
  } finally {
    await remote.close();
  }
}
