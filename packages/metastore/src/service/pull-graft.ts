import { GraftError } from "@graft/core";
import {
  type PullGraftRequest,
  PullGraftRequestSchema,
  type PullGraftResponse,
  PullGraftResponseSchema,
} from "@graft/proto-gen/metastore";
import { createRawRoute, fromPullGraftAnswer, type RawRoute, toPullGraftRequest } from "@graft/rpc";
import type { Metastore } from "../metastore.ts";

/** `PullGraft`. */
export async function pullGraft(
  metastore: Metastore,
  message: PullGraftRequest,
  signal: AbortSignal,
): Promise<PullGraftResponse> {
  const { volumeId, range } = toPullGraftRequest(message);
  return fromPullGraftAnswer(await metastore.pullGraft(volumeId, range, signal));
}

/** v0.1: "nothing newer" is an error there, of its own code. */
export function createRawPullGraft(metastore: Metastore): RawRoute {
  return createRawRoute({
    path: "/metastore/v1/pull_graft",
    input: PullGraftRequestSchema,
    output: PullGraftResponseSchema,
    async handle(message, { signal }) {
      const answer = await pullGraft(metastore, message, signal);
      if (answer.range !== undefined) return answer;
      throw new GraftError("not-found", "failed to load snapshot for volume");
    },
  });
}
