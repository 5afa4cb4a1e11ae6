import type { HandlerContext } from "@connectrpc/connect";
import type { StreamPagesRequest, StreamPagesResponse } from "@graft/proto-gen/pagestore";
import {
  fromStreamPagesAnswer,
  fromStreamPagesAnswerBinary,
  toStreamPagesRequest,
} from "@graft/rpc";
import type { PagestoreOperations } from "../guarded-pagestore.ts";
import { wantsBinary } from "./wants-binary.ts";

/** `StreamPages`. It ends early when the caller leaves. */
export async function* streamPages(
  pagestore: PagestoreOperations,
  message: StreamPagesRequest,
  call: Pick<HandlerContext, "signal" | "requestHeader">,
): AsyncGenerator<StreamPagesResponse> {
  const encode = wantsBinary(call) ? fromStreamPagesAnswerBinary : fromStreamPagesAnswer;
  for await (const answer of pagestore.streamPages(toStreamPagesRequest(message), call.signal)) {
    yield encode(answer);
  }
}
