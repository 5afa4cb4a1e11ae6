import { create } from "@bufbuild/protobuf";
import { gidBytes, type Lsn, type PageSet, toLsn, toVolumeId, type VolumeId } from "@graft/core";
import {
  type StreamPagesRequest as StreamPagesRequestMessage,
  StreamPagesRequestSchema,
  type StreamPagesResponse as StreamPagesResponseMessage,
  StreamPagesResponseSchema,
} from "@graft/proto-gen/pagestore";
import { fromPage, toPage } from "./page.ts";
import { encodePageField } from "./page-list.ts";
import { fromPageSet, toPageSet } from "./page-set.ts";
import { present, readAnswer } from "./present.ts";
import type { ReadPagesAnswer } from "./read-pages.ts";

export interface StreamPagesRequest {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  /** Any size. Absent: every page of the snapshot. */
  readonly pageSet?: PageSet;
}

/** @throws GraftError `invalid-argument` */
export function toStreamPagesRequest(message: StreamPagesRequestMessage): StreamPagesRequest {
  return present({
    volumeId: toVolumeId(message.vid),
    lsn: toLsn(message.lsn),
    pageSet: message.graft.length === 0 ? undefined : toPageSet(message.graft),
  });
}

export function fromStreamPagesRequest(request: StreamPagesRequest): StreamPagesRequestMessage {
  const { pageSet } = request;
  return create(StreamPagesRequestSchema, {
    vid: gidBytes(request.volumeId),
    lsn: request.lsn,
    graft: pageSet === undefined ? new Uint8Array(0) : fromPageSet(pageSet),
  });
}

/** One answer of the stream. @throws GraftError `internal` when malformed */
export function toStreamPagesAnswer(message: StreamPagesResponseMessage): ReadPagesAnswer {
  return readAnswer("StreamPages", () => ({
    pages: message.pages.map(toPage),
    covered: toPageSet(message.covered),
  }));
}

export function fromStreamPagesAnswer(answer: ReadPagesAnswer): StreamPagesResponseMessage {
  return create(StreamPagesResponseSchema, {
    pages: answer.pages.map(fromPage),
    covered: fromPageSet(answer.covered),
  });
}

/** The same for an encoder of binary messages alone: the pages are written in one piece. */
export function fromStreamPagesAnswerBinary(answer: ReadPagesAnswer): StreamPagesResponseMessage {
  const message = create(StreamPagesResponseSchema, { covered: fromPageSet(answer.covered) });
  const pages = encodePageField(StreamPagesResponseSchema.field.pages.number, answer.pages);
  if (pages !== undefined) message.$unknown = [pages];
  return message;
}
