import type { StreamPagesRequest, StreamPagesResponse } from "@graft/proto-gen/pagestore";
import { fromStreamPagesAnswer, toStreamPagesRequest } from "@graft/rpc";
import type { Pagestore } from "../pagestore.ts";

/** `StreamPages`. It ends early when the caller leaves. */
export async function* streamPages(
  pagestore: Pagestore,
  message: StreamPagesRequest,
  signal: AbortSignal,
): AsyncGenerator<StreamPagesResponse> {
  for await (const answer of pagestore.streamPages(toStreamPagesRequest(message), signal)) {
    yield fromStreamPagesAnswer(answer);
  }
}
