import {
  COMMIT_SEGMENT_COUNT_MAX,
  GraftError,
  INLINE_PAGES_SIZE_MAX,
  isGraftError,
  PAGE_SIZE_MIN,
} from "@graft/core";
import {
  type CommitRequest,
  CommitRequestSchema,
  type CommitResponse,
  CommitResponseSchema,
} from "@graft/proto-gen/metastore";
import { createRawRoute, fromCommitAnswer, type RawRoute, toCommitRequest } from "@graft/rpc";
import { asRefused } from "../as-refused.ts";
import type { Metastore } from "../metastore.ts";

/** Each segment with its four fields, each inline frame with as many; and what is beside them. */
const FIELD_COUNT_MAX: number =
  5 * (COMMIT_SEGMENT_COUNT_MAX + INLINE_PAGES_SIZE_MAX / PAGE_SIZE_MIN) + 256;

/** `Commit`. What is malformed was not tried, and the error says so. */
export async function commit(
  metastore: Metastore,
  message: CommitRequest,
  signal: AbortSignal,
): Promise<CommitResponse> {
  return fromCommitAnswer(await metastore.commit(parse(message), signal));
}

/** v0.1: a base that does not exist is a rejected commit there. */
export function createRawCommit(metastore: Metastore): RawRoute {
  return createRawRoute({
    path: "/metastore/v1/commit",
    input: CommitRequestSchema,
    output: CommitResponseSchema,
    fieldCountMax: FIELD_COUNT_MAX,
    async handle(message, { signal }) {
      try {
        return await commit(metastore, message, signal);
      } catch (error) {
        if (!isMissingBase(error)) throw error;
        throw new GraftError("rejected", error.message, { cause: error });
      }
    },
  });
}

function parse(message: CommitRequest): ReturnType<typeof toCommitRequest> {
  try {
    return toCommitRequest(message);
  } catch (error) {
    throw asRefused(error);
  }
}

function isMissingBase(error: unknown): error is GraftError {
  return isGraftError(error, "not-found") && error.details.missing === "base";
}
