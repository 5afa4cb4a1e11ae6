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
import {
  COMMIT_WORDS,
  type CommitRequest as CommitAttempt,
  createRawRoute,
  fromCommitAnswer,
  RAW_WORDS,
  type RawRoute,
  toCommitRequest,
  toRawCommitRequest,
} from "@graft/rpc";
import { asRefused } from "../as-refused.ts";
import type { Metastore } from "../metastore.ts";
import { mustFitRaw } from "./raw-page-size.ts";

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

/** v0.1: a base that does not exist is a rejected commit there, and pages have 4096 bytes. */
export function createRawCommit(metastore: Metastore): RawRoute {
  return createRawRoute({
    path: "/metastore/v1/commit",
    input: CommitRequestSchema,
    output: CommitResponseSchema,
    fieldCountMax: FIELD_COUNT_MAX,
    words: COMMIT_WORDS,
    async handle(message, { signal }) {
      const attempt = toRawCommitRequest(message);
      try {
        return fromCommitAnswer(await metastore.commit(attempt, signal));
      } catch (error) {
        throw await rawRefusal(metastore, attempt, error, signal);
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

/** What v0.1 is told instead. @throws GraftError `invalid-argument`: the volume has other pages */
async function rawRefusal(
  metastore: Metastore,
  { volumeId }: CommitAttempt,
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const { otherRetry } = RAW_WORDS;
  if (isGraftError(error, "invalid-argument") && error.message.startsWith(otherRetry)) {
    return new GraftError("invalid-argument", otherRetry, { cause: error });
  }
  if (isGraftError(error, "rejected")) {
    // That its pages are too large is what its person can do something about.
    mustFitRaw((await metastore.getSnapshot(volumeId, undefined, signal)).snapshot);
  }
  if (!isMissingBase(error)) return error;
  return new GraftError("rejected", error.message, { cause: error });
}

function isMissingBase(error: unknown): error is GraftError {
  return isGraftError(error, "not-found") && error.details.missing === "base";
}
