/** Carries stream routes over HTTP, as Connect's streaming protocol has it. */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ConnectError } from "@connectrpc/connect";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { type Clock, GraftError } from "@graft/core";
import { toConnectError } from "../error-mapping.ts";
import { type Authenticate, parseBearerToken } from "../interceptors/auth.ts";
import { type CallMetrics, codeName } from "../interceptors/metrics.ts";
import type { Log } from "../log.ts";
import {
  ENVELOPE_HEAD_SIZE,
  envelopeOf,
  type StreamRoute,
  type StreamSink,
} from "../raw/stream-route.ts";
import { type NodeHandler, type NodeRequest, type NodeResponse, pathOf } from "./node-handler.ts";
import { OpenCalls } from "./open-calls.ts";
import { CALLER_GONE, readBody } from "./read-body.ts";

const CONTENT_TYPE = "application/connect+proto";

export interface StreamHandlerOptions {
  readonly routes: readonly StreamRoute[];
  readonly log: Log;
  readonly clock: Clock;
  readonly callMetrics: CallMetrics;
  /** Aborted when the server stops for good. */
  readonly stopped: AbortSignal;
  readonly authenticate: Authenticate;
  /** Answers everything else: other paths, other protocols, compressed requests. */
  readonly next: NodeHandler;
}

/** Answers the routes where a caller speaks plain Connect. */
export function createStreamHandler(options: StreamHandlerOptions): NodeHandler {
  const routes = new Map(options.routes.map((route) => [route.path, route]));
  const calls = new OpenCalls(options.stopped);
  return (request, response) => {
    const route = routes.get(pathOf(request));
    if (route === undefined || !isPlain(request)) return options.next(request, response);
    const controller = calls.open();
    response.once("close", () => controller.abort(CALLER_GONE));
    const call = answerStream(route, request, response, controller.signal, options);
    void call.finally(() => calls.close(controller));
  };
}

/** Without compression, a time limit or JSON, which are the adapter's. */
function isPlain({ method, headers }: NodeRequest): boolean {
  return (
    method === "POST" &&
    headers["content-type"] === CONTENT_TYPE &&
    (headers["connect-content-encoding"] ?? "identity") === "identity" &&
    headers["connect-timeout-ms"] === undefined
  );
}

/** Never rejects: what goes wrong is told to the reader. */
async function answerStream(
  route: StreamRoute,
  request: NodeRequest,
  response: NodeResponse,
  signal: AbortSignal,
  { log, clock, callMetrics, authenticate }: StreamHandlerOptions,
): Promise<void> {
  const rpc = route.path.slice(1);
  const startMs = clock.monotonicMs();
  const call = callMetrics.start(rpc);
  let failure: ConnectError | undefined;
  try {
    const token = parseBearerToken(request.headers.authorization);
    await authenticate(token);
    const body = messageOf(await readBody(request));
    const isOne = request.httpVersionMajor === 1;
    if (isOne) endWithConnection(response);
    // The two response types agree on these calls, but not on their overloads.
    (response as unknown as ServerResponse).writeHead(200, { "content-type": CONTENT_TYPE });
    // Bytes of who is limited by them are counted on their way through the response.
    const isBare = isOne && !Object.hasOwn(response, "write");
    await route.answer(body, sinkOf(response, isBare), { signal, token });
    if (signal.aborted) failure = toConnectError(signal.reason);
  } catch (error) {
    failure = toConnectError(signal.aborted ? signal.reason : error);
    if (!signal.aborted && isBug(error)) log.error({ rpc, err: error }, "rpc failed");
  }
  const facts = { rpc, ms: Math.round(clock.monotonicMs() - startMs) };
  if (failure === undefined) log.debug(facts, "rpc");
  else log.info({ ...facts, error: failure.message }, "rpc answered an error");
  call.end(failure === undefined ? "ok" : codeName(failure));
  endStream(response, failure);
}

/**
 * The answer ends when its connection does, in no chunks: an event to a thousand readers is a
 * thousand single writes. Whether it was cut short, the end-of-stream message tells.
 */
function endWithConnection(response: NodeResponse): void {
  const common = response as unknown as ServerResponse;
  common.setHeader("connection", "close");
  common.removeHeader("transfer-encoding");
}

function endStream(response: NodeResponse, failure: ConnectError | undefined): void {
  if (response.destroyed || response.writableEnded) return;
  const common = response as unknown as ServerResponse;
  if (!common.headersSent) common.writeHead(200, { "content-type": CONTENT_TYPE });
  const text = JSON.stringify(endStreamToJson(new Headers(), failure, undefined));
  common.end(envelopeOf(new TextEncoder().encode(text), endStreamFlag));
}

/** The head goes with the first message; what comes after it has no framing in HTTP/1.1. */
function sinkOf(response: NodeResponse, isBare: boolean): StreamSink {
  const common = response as unknown as ServerResponse;
  let resume: () => void = () => undefined;
  let socket: Socket | undefined;
  const onDrain = (): void => resume();
  common.on("drain", onDrain);
  return {
    send(envelope) {
      if (common.destroyed) return true;
      // A response corks its socket for each write, and has it uncorked in a later tick.
      if (socket !== undefined) return socket.write(envelope);
      const isTaken = common.write(envelope);
      // Without one it still waits for the answers before it on its connection.
      if (isBare && common.socket !== null) socket = common.socket.on("drain", onDrain);
      return isTaken;
    },
    onDrain(listener) {
      resume = listener;
    },
  };
}

/** The one message of a request. */
function messageOf(body: Uint8Array): Uint8Array {
  const { length } = body;
  const size =
    length < ENVELOPE_HEAD_SIZE
      ? -1
      : new DataView(body.buffer, body.byteOffset, length).getUint32(1);
  if (body[0] === 0 && size === length - ENVELOPE_HEAD_SIZE) {
    return body.subarray(ENVELOPE_HEAD_SIZE);
  }
  const expected = "expected one message in its envelope, not compressed";
  throw new GraftError("invalid-argument", `a stream's request of ${length} bytes: ${expected}`);
}

function isBug(error: unknown): boolean {
  return !(error instanceof GraftError) || error.code === "internal";
}
