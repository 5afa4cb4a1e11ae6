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

/** `WritePages`. */
export async function writePages(
  pagestore: Pagestore,
  message: WritePagesRequest,
  signal: AbortSignal,
): Promise<WritePagesResponse> {
  return fromWritePagesAnswer(await pagestore.writePages(toWritePagesRequest(message), signal));
}

/** v0.1: the same. */
export function createRawWritePages(pagestore: Pagestore): RawRoute {
  return createRawRoute({
    path: "/pagestore/v1/write_pages",
    input: WritePagesRequestSchema,
    output: WritePagesResponseSchema,
    handle: (message, { signal }) => writePages(pagestore, message, signal),
  });
}
