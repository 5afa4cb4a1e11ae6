import type { WatchRequest, WatchResponse } from "@graft/proto-gen/metastore";
import { fromWatchEvent, toWatchRequest } from "@graft/rpc";
import type { Metastore } from "../metastore.ts";

/** `Watch`. It ends when the caller leaves, or the server drains. */
export async function* watch(
  metastore: Metastore,
  message: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse> {
  for await (const event of metastore.watch(toWatchRequest(message), signal)) {
    yield fromWatchEvent(event);
  }
}
