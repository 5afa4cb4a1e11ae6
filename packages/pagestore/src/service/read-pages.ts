import type { HandlerContext } from "@connectrpc/connect";
import { PAGE_SIZE_DEFAULT } from "@graft/core";
import {
  type ReadPagesRequest,
  ReadPagesRequestSchema,
  type ReadPagesResponse,
} from "@graft/proto-gen/pagestore";
import {
  fromReadPagesAnswer,
  fromReadPagesAnswerBinary,
  inWordsOf,
  parseMessage,
  type RawRoute,
  READ_WORDS,
  toRawReadPagesRequest,
  toReadPagesRequest,
} from "@graft/rpc";
import type { OpenPagestore, PagestoreOperations } from "../guarded-pagestore.ts";
import { AnswerBuffers } from "./answer-buffers.ts";
import { encodePageList } from "./page-list-encoding.ts";
import { wantsBinary } from "./wants-binary.ts";

/** `ReadPages`. */
export async function readPages(
  pagestore: PagestoreOperations,
  message: ReadPagesRequest,
  call: Pick<HandlerContext, "signal" | "requestHeader">,
): Promise<ReadPagesResponse> {
  const answer = await pagestore.readPages(toReadPagesRequest(message), call.signal);
  return wantsBinary(call) ? fromReadPagesAnswerBinary(answer) : fromReadPagesAnswer(answer);
}

/** v0.1: every request is answered in full; what does not exist is left out. */
export function createRawReadPages(openPagestore: OpenPagestore): RawRoute {
  const buffers = new AnswerBuffers();
  return {
    path: "/pagestore/v1/read_pages",
    handle: async (body, { signal, token }) => {
      const pagestore = await openPagestore(token);
      const request = toRawReadPagesRequest(parseMessage(ReadPagesRequestSchema, body));
      try {
        const pages = await pagestore.readAllPages(request, PAGE_SIZE_DEFAULT, signal);
        return encodePageList(pages, buffers);
      } catch (error) {
        throw inWordsOf(READ_WORDS, error);
      }
    },
  };
}
