import {
  type PullCommitsRequest,
  PullCommitsRequestSchema,
  type PullCommitsResponse,
  PullCommitsResponseSchema,
} from "@graft/proto-gen/metastore";
import {
  createRawRoute,
  fromPullCommitsAnswer,
  PULL_WORDS,
  type RawRoute,
  toPullCommitsRequest,
  toRawPullCommitsRequest,
} from "@graft/rpc";
import type { MetastoreOperations, OpenMetastore } from "../guarded-metastore.ts";
import { mustFitRaw } from "./raw-page-size.ts";

/** `PullCommits`. */
export async function pullCommits(
  metastore: MetastoreOperations,
  message: PullCommitsRequest,
  signal: AbortSignal,
): Promise<PullCommitsResponse> {
  return fromPullCommitsAnswer(await metastore.pullCommits(toPullCommitsRequest(message), signal));
}

/** v0.1: the same. Its caller asks for what follows the last commit until nothing does. */
export function createRawPullCommits(openMetastore: OpenMetastore): RawRoute {
  return createRawRoute({
    path: "/metastore/v1/pull_commits",
    input: PullCommitsRequestSchema,
    output: PullCommitsResponseSchema,
    words: PULL_WORDS,
    async handle(message, { signal, token }) {
      const metastore = await openMetastore(token);
      const request = toRawPullCommitsRequest(message);
      const { volumeId, range } = request;
      mustFitRaw((await metastore.getSnapshot(volumeId, range.end, signal)).snapshot);
      return fromPullCommitsAnswer(await metastore.pullCommits(request, signal));
    },
  });
}
