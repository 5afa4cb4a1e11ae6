import {
  COMMIT_SEGMENT_COUNT_MAX,
  GraftError,
  INLINE_PAGES_SIZE_MAX,
  isGraftError,
  PAGE_SIZE_MIN,
  type VolumeId,
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
import type { MetastoreOperations, OpenMetastore } from "../guarded-metastore.ts";
import { mustFitRaw } from "./raw-page-size.ts";

/** Each segment with its four fields, each inline frame with as many; and what is beside them. */
const FIELD_COUNT_MAX: number =
  5 * (COMMIT_SEGMENT_COUNT_MAX + INLINE_PAGES_SIZE_MAX / PAGE_SIZE_MIN) + 256;

/** `Commit`. What is malformed was not tried, and the error says so. */
export async function commit(
  metastore: MetastoreOperations,
  message: CommitRequest,
  signal: AbortSignal,
): Promise<CommitResponse> {
  return fromCommitAnswer(await metastore.commit(parse(message), signal));
}

/** v0.1: a base that does not exist is a rejected commit there, and pages have 4096 bytes. */
export function createRawCommit(openMetastore: OpenMetastore): RawRoute {
  return createRawRoute({
    path: "/metastore/v1/commit",
    input: CommitRequestSchema,
    output: CommitResponseSchema,
    fieldCountMax: FIELD_COUNT_MAX,
    words: COMMIT_WORDS,
    async handle(message, { signal, token }) {
      const metastore = await openMetastore(token);
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
  metastore: MetastoreOperations,
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
    await mustFitRawIfReadable(metastore, volumeId, signal);
  }
  if (!isMissingBase(error)) return error;
  return new GraftError("rejected", error.message, { cause: error });
}

async function mustFitRawIfReadable(
  metastore: MetastoreOperations,
  volumeId: VolumeId,
  signal: AbortSignal,
): Promise<void> {
  const found = await metastore.getSnapshot(volumeId, undefined, signal).catch((error) => {
    // Who may write and not read is told of the conflict alone.
    if (isGraftError(error, "permission-denied")) return undefined;
    throw error;
  });
  if (found !== undefined) mustFitRaw(found.snapshot);
}

function isMissingBase(error: unknown): error is GraftError {
  return isGraftError(error, "not-found") && error.details.missing === "base";
}
