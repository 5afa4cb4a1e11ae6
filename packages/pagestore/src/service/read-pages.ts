import { PAGE_SIZE_DEFAULT } from "@graft/core";
import {
  type ReadPagesRequest,
  ReadPagesRequestSchema,
  type ReadPagesResponse,
} from "@graft/proto-gen/pagestore";
import { fromReadPagesAnswer, parseMessage, type RawRoute, toReadPagesRequest } from "@graft/rpc";
import type { Pagestore } from "../pagestore.ts";
import { encodePageList } from "./page-list-encoding.ts";

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
  return {
    path: "/pagestore/v1/read_pages",
    handle: async (body, { signal }) => {
      const request = toReadPagesRequest(parseMessage(ReadPagesRequestSchema, body));
      return encodePageList(await pagestore.readAllPages(request, PAGE_SIZE_DEFAULT, signal));
    },
  };
}
