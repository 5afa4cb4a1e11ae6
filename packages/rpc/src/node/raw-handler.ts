/** Carries the raw v0.1 routes over HTTP: WIRE-v0.1 §1.1, §0 rows 1, 2, 9, 11. */
import { isGraftError, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { parseBearerToken } from "../interceptors/auth.ts";
import type { CallMetrics } from "../interceptors/metrics.ts";
import { linkAbort } from "../link-abort.ts";
import type { Log } from "../log.ts";
import {
  invalidRequestBody,
  RAW_CONTENT_TYPE,
  type RawRoute,
  toRawError,
} from "../raw/raw-route.ts";
import { answer, answerEmpty, type NodeHandler, type NodeRequest, pathOf } from "./node-handler.ts";

/** Why a caller's signal is aborted. One for all: each answered request ends so, too. */
const GONE = new DOMException("the connection of the caller is closed", "AbortError");

export interface RawHandlerOptions {
  readonly routes: readonly RawRoute[];
  readonly log: Log;
  readonly callMetrics: CallMetrics;
  /** Aborted when the server stops for good. */
  readonly stopped: AbortSignal;
}

/** Answers the routes; anything else is 404 with an empty body, another method 405. */
export function createRawHandler(options: RawHandlerOptions): NodeHandler {
  const routes = new Map(options.routes.map((route) => [route.path, route]));
  return (request, response) => {
    const route = routes.get(pathOf(request));
    if (route === undefined) return answerEmpty(response, 404);
    if (request.method !== "POST") return answerEmpty(response, 405, { allow: "POST" });
    const caller = linkAbort(options.stopped);
    response.once("close", () => {
      caller.release();
      caller.controller.abort(GONE);
    });
    const call = options.callMetrics.start(route.path);
    callRoute(route, request, caller.controller.signal).then(
      (body) => {
        call.end("ok");
        answer(response, 200, RAW_CONTENT_TYPE, body);
      },
      (error: unknown) => {
        call.end(isGraftError(error) ? error.code : "internal");
        logFailure(options.log, route, error);
        const { status, body } = toRawError(error);
        // What is left of a refused body is read and dropped, so that the answer is not lost in a
        // reset.
        request.resume();
        answer(response, status, RAW_CONTENT_TYPE, body);
      },
    );
  };
}

async function callRoute(
  route: RawRoute,
  request: NodeRequest,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const body = await readBody(request);
  const token = parseBearerToken(request.headers.authorization);
  return route.handle(body, { signal, token });
}

async function readBody(request: NodeRequest): Promise<Uint8Array> {
  if (request.headers["content-type"] !== RAW_CONTENT_TYPE) throw invalidRequestBody();
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > REQUEST_BODY_SIZE_MAX) throw invalidRequestBody();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > REQUEST_BODY_SIZE_MAX) throw invalidRequestBody();
    chunks.push(chunk);
  }
  if (size === 0) throw invalidRequestBody();
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size);
}

function logFailure(log: Log, route: RawRoute, error: unknown): void {
  if (!isGraftError(error) || error.code === "internal") {
    log.error({ rpc: route.path, err: error }, "raw route failed");
  } else {
    const facts = { rpc: route.path, code: error.code, error: error.message };
    log.debug(facts, "raw route answered an error");
  }
}
