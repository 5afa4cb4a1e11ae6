import { create } from "@bufbuild/protobuf";
import {
  GraftError,
  gidBytes,
  PAGE_SIZE_DEFAULT,
  type Page,
  type PageSize,
  toPageSize,
  toVolumeId,
  type VolumeId,
  WRITE_PAGES_SIZE_MAX,
} from "@graft/core";
import {
  type PageAtIdx,
  type WritePagesRequest as WritePagesRequestMessage,
  WritePagesRequestSchema,
  type WritePagesResponse as WritePagesResponseMessage,
  WritePagesResponseSchema,
} from "@graft/proto-gen/pagestore";
import { toPage } from "./page.ts";
import { encodePageField } from "./page-list.ts";
import { readAnswer } from "./present.ts";
import { fromSegmentInfo, type SegmentInfo, toSegmentInfo } from "./segment-info.ts";

export interface WritePagesRequest {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  /** Ascending by index, none twice, each exactly one page; at most 8 MiB together. */
  readonly pages: readonly Page[];
}

/**
 * Sorts the pages. @throws GraftError `invalid-argument` on a wrong size, a duplicate or too much
 */
export function toWritePagesRequest(message: WritePagesRequestMessage): WritePagesRequest {
  const pageSize = toPageSize(message.pageSize ?? PAGE_SIZE_DEFAULT);
  const size = message.pages.length * pageSize;
  if (size > WRITE_PAGES_SIZE_MAX) {
    throw new GraftError(
      "invalid-argument",
      `write of ${message.pages.length} pages has ${size} bytes: expected at most ` +
        `${WRITE_PAGES_SIZE_MAX}; split it`,
    );
  }
  const pages = message.pages.map((page) => toPageOfSize(page, pageSize));
  pages.sort((a, b) => a.index - b.index);
  for (let at = 1; at < pages.length; at++) {
    const index = pages[at]?.index;
    if (index === pages[at - 1]?.index) {
      throw new GraftError("invalid-argument", `duplicate page index ${index}: expected each once`);
    }
  }
  return { volumeId: toVolumeId(message.vid), pageSize, pages };
}

/** For the binary encoding only: the pages are encoded already. */
export function fromWritePagesRequest(request: WritePagesRequest): WritePagesRequestMessage {
  const message = create(WritePagesRequestSchema, {
    vid: gidBytes(request.volumeId),
    pageSize: request.pageSize,
  });
  const pages = encodePageField(WritePagesRequestSchema.field.pages.number, request.pages);
  if (pages !== undefined) message.$unknown = [pages];
  return message;
}

/** @throws GraftError `internal` when malformed */
export function toWritePagesAnswer(message: WritePagesResponseMessage): readonly SegmentInfo[] {
  return readAnswer("WritePages", () => message.segments.map(toSegmentInfo));
}

export function fromWritePagesAnswer(segments: readonly SegmentInfo[]): WritePagesResponseMessage {
  return create(WritePagesResponseSchema, { segments: segments.map(fromSegmentInfo) });
}

function toPageOfSize(message: PageAtIdx, pageSize: PageSize): Page {
  const page = toPage(message);
  if (page.data.length !== pageSize) {
    throw new GraftError(
      "invalid-argument",
      `page ${page.index} has ${page.data.length} bytes: expected ${pageSize}`,
    );
  }
  return page;
}
