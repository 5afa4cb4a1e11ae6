import { create } from "@bufbuild/protobuf";
import { createLsnRange, LSN_FIRST, type LsnRange, toLsn } from "@graft/core";
import { type LsnRange as LsnRangeMessage, LsnRangeSchema } from "@graft/proto-gen/common";
import { toOptionalLsn } from "./ids.ts";

/** An absent range is everything. @throws GraftError `invalid-argument` on LSN 0 or end < start */
export function toLsnRange(message: LsnRangeMessage | undefined): LsnRange {
  if (message === undefined) return createLsnRange(LSN_FIRST);
  return createLsnRange(toLsn(message.inclusiveStart), toOptionalLsn(message.inclusiveEnd));
}

export function fromLsnRange(range: LsnRange): LsnRangeMessage {
  return create(LsnRangeSchema, { inclusiveStart: range.start, inclusiveEnd: range.end });
}
