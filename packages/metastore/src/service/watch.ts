import { WATCH_VOLUME_COUNT_MAX } from "@graft/core";
import {
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from "@graft/proto-gen/metastore";
import { fromWatchEvent, parseMessage, type StreamRoute, toWatchRequest } from "@graft/rpc";
import type { MetastoreOperations, OpenMetastore } from "../guarded-metastore.ts";

/** Of each volume itself, its id and its LSN; and the rest of a request. */
const FIELD_COUNT_MAX: number = 3 * WATCH_VOLUME_COUNT_MAX + 256;

/** `Watch`. It ends when the caller leaves, or the server drains. */
export async function* watch(
  metastore: MetastoreOperations,
  message: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse> {
  for await (const event of metastore.watch(toWatchRequest(message), signal)) {
    yield fromWatchEvent(event);
  }
  // The caller's deadline has passed: an end without an error would say that the server drains.
  signal.throwIfAborted();
}

/** The same, encoded once for all who watch. */
export function createWatchStream(openMetastore: OpenMetastore): StreamRoute {
  return {
    path: "/graft.metastore.v1.MetastoreService/Watch",
    async answer(body, sink, { signal, token }) {
      const metastore = await openMetastore(token);
      const message = parseMessage(WatchRequestSchema, body, FIELD_COUNT_MAX);
      await metastore.streamNews(toWatchRequest(message), sink, signal);
    },
  };
}
