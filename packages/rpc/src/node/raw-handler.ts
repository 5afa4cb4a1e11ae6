/** Carries the raw v0.1 routes over HTTP: WIRE-v0.1 §1.1, §0 rows 1, 2, 9 … 11. */
import { type Clock, type GraftError, isGraftError } from "@graft/core";
import { toConnectError } from "../error-mapping.ts";
import { type Authenticate, parseBearerToken } from "../interceptors/auth.ts";
import { type CallMetrics, codeName } from "../interceptors/metrics.ts";
import type { Log } from "../log.ts";
import {
  invalidRequestBody,
  RAW_CONTENT_TYPE,
  type RawRoute,
  toRawError,
} from "../raw/raw-route.ts";
import { answer, answerEmpty, type NodeHandler, type NodeRequest, pathOf } from "./node-handler.ts";
import { OpenCalls } from "./open-calls.ts";
import { CALLER_GONE, readBody } from "./read-body.ts";
import { SharedDeadline } from "./shared-deadline.ts";

export interface RawHandlerOptions {
  readonly routes: readonly RawRoute[];
  readonly log: Log;
  readonly callMetrics: CallMetrics;
  readonly clock: Clock;
  /** From the whole request to its answer, ms: v0.1 clients hang up after 60 s. */
  readonly deadlineMs: number;
  /** Aborted when the server stops for good. */
  readonly stopped: AbortSignal;
  /** Why a request is refused before it is read; undefined: it is let in. */
  readonly refusalOf: (request: NodeRequest) => GraftError | undefined;
  readonly authenticate: Authenticate;
}

/** Answers the routes; anything else is 404 with an empty body, another method 405. */
export function createRawHandler(options: RawHandlerOptions): NodeHandler {
  const routes = new Map(options.routes.map((route) => [route.path, route]));
  const { clock, deadlineMs, stopped } = options;
  const { authenticate } = options;
  const calls = new OpenCalls(stopped);
  const calling = { authenticate, deadline: new SharedDeadline(clock, deadlineMs, stopped) };
  return (request, response) => {
    const route = routes.get(pathOf(request));
    if (route === undefined) return answerEmpty(response, 404);
    if (request.method !== "POST") return answerEmpty(response, 405, { allow: "POST" });
    const controller = calls.open();
    let isAnswered = false;
    response.once("close", () => {
      calls.close(controller);
      if (!isAnswered) controller.abort(CALLER_GONE);
    });
    const call = options.callMetrics.start(route.path);
    const refusal = options.refusalOf(request);
    const answering =
      refusal === undefined
        ? callRoute(route, request, controller, calling)
        : Promise.reject(refusal);
    answering.then(
      (body) => {
        isAnswered = true;
        call.end("ok");
        if (body instanceof Uint8Array) return answer(response, 200, RAW_CONTENT_TYPE, body);
        // "close" comes when the last byte was handed over, or the connection is gone.
        if (response.closed) body.release();
        else response.once("close", body.release);
        answer(response, 200, RAW_CONTENT_TYPE, body.bytes);
      },
      (error: unknown) => {
        isAnswered = true;
        call.end(codeName(toConnectError(error)));
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
  controller: AbortController,
  calling: { readonly authenticate: Authenticate; readonly deadline: SharedDeadline },
): ReturnType<RawRoute["handle"]> {
  const token = parseBearerToken(request.headers.authorization);
  await calling.authenticate(token);
  if (request.headers["content-type"] !== RAW_CONTENT_TYPE) throw invalidRequestBody();
  const body = await readBody(request);
  const { signal } = controller;
  return calling.deadline.run(route.path, controller, () => route.handle(body, { signal, token }));
}

function logFailure(log: Log, route: RawRoute, error: unknown): void {
  if (error === CALLER_GONE) {
    log.debug({ rpc: route.path }, "the caller of a raw route is gone");
  } else if (!isGraftError(error) || error.code === "internal") {
    log.error({ rpc: route.path, err: error }, "raw route failed");
  } else {
    // v0.1's words say little: what they stand for is the cause.
    const { cause } = error;
    const why = isGraftError(cause) ? { cause: cause.message } : {};
    const facts = { rpc: route.path, code: error.code, error: error.message, ...why };
    log.debug(facts, "raw route answered an error");
  }
}
