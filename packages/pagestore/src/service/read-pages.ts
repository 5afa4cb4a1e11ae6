import { PAGE_SIZE_DEFAULT } from "@graft/core";
import {
  type ReadPagesRequest,
  ReadPagesRequestSchema,
  type ReadPagesResponse,
  ReadPagesResponseSchema,
} from "@graft/proto-gen/pagestore";
import {
  createRawRoute,
  fromPage,
  fromReadPagesAnswer,
  type RawRoute,
  toReadPagesRequest,
} from "@graft/rpc";
import type { Pagestore } from "../pagestore.ts";

/** `ReadPages`. */
export async function readPages(
  pagestore: Pagestore,
  message: ReadPagesRequest,
  signal: AbortSignal,
): Promise<ReadPagesResponse> {
  return fromReadPagesAnswer(await pagestore.readPages(toReadPagesRequest(message), signal));
}

/** v0.1: every request is answered in full; what does not exist is left out. */
export function createRawReadPages(pagestore: Pagestore): RawRoute {
  return createRawRoute({
    path: "/pagestore/v1/read_pages",
    input: ReadPagesRequestSchema,
    output: ReadPagesResponseSchema,
    handle: async (message, { signal }) => {
      const request = toReadPagesRequest(message);
      const pages = await pagestore.readAllPages(request, PAGE_SIZE_DEFAULT, signal);
      return { pages: pages.map(fromPage) };
    },
  });
}
