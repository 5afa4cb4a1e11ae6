import { GraftError } from "@graft/core";
import {
  type PullGraftRequest,
  PullGraftRequestSchema,
  type PullGraftResponse,
  PullGraftResponseSchema,
} from "@graft/proto-gen/metastore";
import {
  createRawRoute,
  fromPullGraftAnswer,
  PULL_WORDS,
  type RawRoute,
  toPullGraftRequest,
  toRawPullGraftRequest,
} from "@graft/rpc";
import type { MetastoreOperations, OpenMetastore } from "../guarded-metastore.ts";
import { mustFitRaw } from "./raw-page-size.ts";

/** `PullGraft`. */
export async function pullGraft(
  metastore: MetastoreOperations,
  message: PullGraftRequest,
  signal: AbortSignal,
): Promise<PullGraftResponse> {
  const { volumeId, range } = toPullGraftRequest(message);
  return fromPullGraftAnswer(await metastore.pullGraft(volumeId, range, signal));
}

/** v0.1: "nothing newer" is an error there, of its own code. */
export function createRawPullGraft(openMetastore: OpenMetastore): RawRoute {
  return createRawRoute({
    path: "/metastore/v1/pull_graft",
    input: PullGraftRequestSchema,
    output: PullGraftResponseSchema,
    words: PULL_WORDS,
    async handle(message, { signal, token }) {
      const metastore = await openMetastore(token);
      const { volumeId, range } = toRawPullGraftRequest(message);
      const answer = await metastore.pullGraft(volumeId, range, signal);
      mustFitRaw(answer.snapshot);
      if (answer.changes !== undefined) return fromPullGraftAnswer(answer);
      throw new GraftError("not-found", `volume ${volumeId}: nothing is newer than ${range.start}`);
    },
  });
}
