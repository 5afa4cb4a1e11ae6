import { PAGE_SIZE_MIN, type Page, releaseBytes, WRITE_PAGES_SIZE_MAX } from "@graft/core";
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
  toWritePagesRequest,
} from "@graft/rpc";
import type { Pagestore } from "../pagestore.ts";

/** Each page with its index and its data, of the least size; and what is beside them. */
const FIELD_COUNT_MAX: number = 3 * (WRITE_PAGES_SIZE_MAX / PAGE_SIZE_MIN) + 256;

/** Bytes; a read from a socket brings 64 KiB at most. */
const BODY_SIZE_MIN: number = 1024 * 1024;

/** `WritePages`. */
export async function writePages(
  pagestore: Pagestore,
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

/** v0.1: the same. */
export function createRawWritePages(pagestore: Pagestore): RawRoute {
  return createRawRoute({
    path: "/pagestore/v1/write_pages",
    input: WritePagesRequestSchema,
    output: WritePagesResponseSchema,
    fieldCountMax: FIELD_COUNT_MAX,
    handle: (message, { signal }) => writePages(pagestore, message, signal),
  });
}
