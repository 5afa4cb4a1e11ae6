import {
  PAGE_SIZE_DEFAULT,
  type Page,
  REQUEST_BODY_SIZE_MAX,
  releaseBytes,
  WRITE_PAGES_SIZE_MAX,
} from "@graft/core";
import {
  type WritePagesRequest,
  WritePagesRequestSchema,
  type WritePagesResponse,
  WritePagesResponseSchema,
} from "@graft/proto-gen/pagestore";
import {
  createRawRoute,
  fromWritePagesAnswer,
  type RawRoute,
  type SegmentInfo,
  toRawWritePagesRequest,
  toWritePagesRequest,
  WRITE_WORDS,
} from "@graft/rpc";
import type { OpenPagestore, PagestoreOperations } from "../guarded-pagestore.ts";

/** Each page with its index and its data, as many as a request holds; and what is beside them. */
const FIELD_COUNT_MAX: number = 3 * (REQUEST_BODY_SIZE_MAX / PAGE_SIZE_DEFAULT) + 256;

/** What one segment takes, in pages of v0.1. */
const PART_COUNT: number = WRITE_PAGES_SIZE_MAX / PAGE_SIZE_DEFAULT;

/** Bytes; a read from a socket brings 64 KiB at most. */
const BODY_SIZE_MIN: number = 1024 * 1024;

/** `WritePages`. */
export async function writePages(
  pagestore: PagestoreOperations,
  message: WritePagesRequest,
  signal: AbortSignal,
): Promise<WritePagesResponse> {
  const request = toWritePagesRequest(message);
  const segments = await pagestore.writePages(request, signal);
  releaseBody(request.pages);
  return fromWritePagesAnswer(segments);
}

/**
 * The pages are views of the request as it came: megabytes that nobody looks at any more. A small
 * one may share its memory with other requests, that came with the same read from the socket.
 */
function releaseBody([first]: readonly Page[]): void {
  const body = first?.data.buffer;
  if (body !== undefined && body.byteLength >= BODY_SIZE_MIN) releaseBytes(new Uint8Array(body));
}

/**
 * v0.1: its client sends all that it has to push in one request, however much that is. A part is
 * stored after the other: one holds as much memory as a write of ours.
 */
export function createRawWritePages(openPagestore: OpenPagestore): RawRoute {
  return createRawRoute({
    path: "/pagestore/v1/write_pages",
    input: WritePagesRequestSchema,
    output: WritePagesResponseSchema,
    fieldCountMax: FIELD_COUNT_MAX,
    words: WRITE_WORDS,
    async handle(message, { signal, token }) {
      const pagestore = await openPagestore(token);
      const { pages, ...where } = toRawWritePagesRequest(message);
      const segments: SegmentInfo[] = [];
      for (let at = 0; at < pages.length; at += PART_COUNT) {
        const part = { ...where, pages: pages.slice(at, at + PART_COUNT) };
        segments.push(...(await pagestore.writePages(part, signal)));
      }
      releaseBody(pages);
      return fromWritePagesAnswer(segments);
    },
  });
}
