import type { Readable } from "node:stream";
import { ConnectError } from "@connectrpc/connect";
import { isGraftError, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { invalidRequestBody } from "../raw/raw-route.ts";
import type { NodeRequest } from "./node-handler.ts";

/** Why a caller's signal is aborted. One for all: making an error with its stack is dear. */
export const CALLER_GONE: DOMException = new DOMException(
  "the connection of the caller is closed",
  "AbortError",
);

/**
 * A request's whole body.
 *
 * @throws GraftError `invalid-argument` when it is empty or too large; why it was cut, when it was;
 *   `CALLER_GONE`
 */
export async function readBody(request: NodeRequest): Promise<Uint8Array> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > REQUEST_BODY_SIZE_MAX) throw invalidRequestBody();
  const chunks = await readChunks(request);
  const [first] = chunks;
  if (first === undefined) throw invalidRequestBody();
  return chunks.length === 1 ? first : Buffer.concat(chunks);
}

/** By events: an async iterator of a stream costs a small request as much as its answer. */
function readChunks(request: NodeRequest): Promise<readonly Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const source: Readable = request;
    source.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size > REQUEST_BODY_SIZE_MAX) return reject(invalidRequestBody());
      chunks.push(chunk);
    });
    source.once("end", () => resolve(chunks));
    // A caller that leaves in the middle is reset, or just gone.
    source.once("error", (error) => reject(whyEnded(error)));
    source.once("close", () => reject(CALLER_GONE));
    // Before anybody listened.
    if (source.destroyed) reject(whyEnded(source.errored));
  });
}

/** Of a request that admission cut off: what it said. */
function whyEnded(error: Error | null): unknown {
  const cause = error instanceof ConnectError ? error.cause : undefined;
  return isGraftError(cause) ? cause : CALLER_GONE;
}
