import {
  type Clock,
  type Compute,
  GraftError,
  INLINE_PAGES_SIZE_MAX,
  inTurn,
  isGraftError,
} from "@graft/core";
import { decodeFrame } from "@graft/format";
import type { CommitRequest } from "@graft/rpc";

/**
 * Checks the pages that travel inside a commit, before anything is stored: their size first, then
 * each frame's shape, content and hash.
 *
 * @throws GraftError `invalid-argument`
 */
export async function verifyInlineFrames(
  request: CommitRequest,
  means: { readonly compute: Compute; readonly clock: Clock },
): Promise<void> {
  const { compute, clock } = means;
  const { volumeId, pageSize, inlineFrames } = request;
  let size = 0;
  for (const frame of inlineFrames) size += frame.pageSet.cardinality * pageSize;
  if (size > INLINE_PAGES_SIZE_MAX) {
    throw new GraftError(
      "invalid-argument",
      `commit carries ${size} bytes of inline pages: expected at most ${INLINE_PAGES_SIZE_MAX}; write ` +
        "them to the PageStore and name the segments",
      { details: { expected: INLINE_PAGES_SIZE_MAX, actual: size } },
    );
  }
  const context = { volumeId, pageSize, objectName: "inline frame" };
  for (const frame of inlineFrames) {
    try {
      await inTurn(clock, () => decodeFrame(frame, context, compute));
    } catch (cause) {
      // Here nothing stored is damaged: the request is wrong.
      if (!isGraftError(cause, "corrupt")) throw cause;
      throw new GraftError("invalid-argument", cause.message, { cause });
    }
  }
}
