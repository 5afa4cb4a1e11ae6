import { AsyncLocalStorage } from "node:async_hooks";
import type { ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { type Clock, GraftError, KeyedLimiter, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { getRetryAfterMs, nothingWritten, toConnectError } from "../error-mapping.ts";
import type { Compression } from "./compression.ts";
import { type InFlight, isLarge, REQUEST_SIZE_USUAL } from "./in-flight.ts";
import {
  answerEmpty,
  type NodeHandler,
  type NodeRequest,
  type NodeResponse,
  pathOf,
} from "./node-handler.ts";
import type { ArrivingRequest, SlowRequests } from "./slow-requests.ts";

const refusalKey: ContextKey<GraftError | undefined> = createContextKey<GraftError | undefined>(
  undefined,
  { description: "why the call is refused" },
);

/** Messages unpacked at once, each of 32 MiB at most: before that none says how large it is. */
const UNPACK_CONCURRENCY = 4;

/** A whole request that is not counted, bytes: a Watch of 10,000 volumes is a third of it. */
const UNCOUNTED_SIZE_MAX: number = 1024 * 1024;

/** Of an answer that its reader does not take, bytes: no more than its stream takes anyway. */
const WAITING_SIZE_SMALL = 4096;

/** Where each protocol says what compressed a message. */
const ENCODING_HEADERS = ["content-encoding", "connect-content-encoding", "grpc-encoding"];

/** A call as it is being read. */
interface Incoming extends ArrivingRequest {
  read: number;
  /** Until it was answered, or refused. */
  isCounted: boolean;
  /** What it counts: bytes announced, or usual, or read so far, and those unpacked. */
  size: number;
}

/**
 * Lets calls in, or has them refused in the words of their own protocol: each handler asks whether
 * its request was, before it reads it. What a request becomes beyond what it announced is counted
 * as it arrives, and as it is unpacked.
 */
export class Admission {
  readonly #inFlight: InFlight;
  readonly #slow: SlowRequests;
  readonly #clock: Clock;
  readonly #usualSizes: ReadonlyMap<string, number>;
  readonly #untakenMs: number;
  readonly #isCounted: (path: string) => boolean;
  readonly #refusals = new WeakMap<NodeRequest, GraftError>();
  readonly #unpackings = new KeyedLimiter<"unpack">(UNPACK_CONCURRENCY);
  /** The call on whose behalf a message is unpacked. */
  readonly #unpacking = new AsyncLocalStorage<Incoming>();

  constructor(options: {
    readonly inFlight: InFlight;
    readonly slow: SlowRequests;
    readonly clock: Clock;
    /** Whether calls of a path count: not those that last as long as their caller. */
    readonly isCounted: (path: string) => boolean;
    readonly usualSizes: ReadonlyMap<string, number>;
    /** How long a reader of HTTP/2 may take nothing of its answer, ms. */
    readonly untakenMs: number;
  }) {
    this.#inFlight = options.inFlight;
    this.#slow = options.slow;
    this.#clock = options.clock;
    this.#isCounted = options.isCounted;
    this.#usualSizes = options.usualSizes;
    this.#untakenMs = options.untakenMs;
  }

  /** Counts the calls that pass through a handler. */
  guard(handler: NodeHandler): NodeHandler {
    return (request, response) => {
      const path = pathOf(request);
      const announced = announcedSize(request);
      const isCounted = this.#isCounted(path);
      const size = reservedSize(announced) ?? this.#usualSizes.get(path) ?? REQUEST_SIZE_USUAL;
      const startMs = this.#clock.monotonicMs();
      const call: Incoming = {
        isCounted,
        size,
        read: 0,
        startMs,
        get isLarge() {
          return call.isCounted && isLarge(call.size);
        },
        cut: (why) => cutOff(request, why),
        drop: () => dropStream(request),
      };
      if (this.#refusals.has(request)) call.isCounted = false;
      else if (isCounted) this.#enter(call, request, response);
      else if (announced !== undefined && announced > UNCOUNTED_SIZE_MAX) {
        request.resume();
        return answerEmpty(response, 413);
      }
      this.#meter(call, request, response);
      if (!isCompressed(request)) return handler(request, response);
      this.#unpacking.run(call, () => handler(request, response));
    };
  }

  /** For the adapter: as it is, but what it unpacks counts as part of the call's request. */
  counted(compression: Compression): Compression {
    return {
      ...compression,
      decompress: async (bytes, sizeMax) => {
        const call = this.#unpacking.getStore();
        const most = call?.isCounted ? sizeMax : Math.min(sizeMax, UNCOUNTED_SIZE_MAX);
        const unpack = (): ReturnType<Compression["decompress"]> =>
          compression.decompress(bytes, most);
        const message = await this.#unpackings.run("unpack", unpack);
        // Its caller may have left meanwhile.
        const refusal = call?.isCounted ? this.#grow(call, call.size + message.length) : undefined;
        if (refusal !== undefined) throw toConnectError(refusal);
        return message;
      },
    };
  }

  /** Why a request is refused; undefined: it was let in. */
  refusalOf(request: NodeRequest): GraftError | undefined {
    return this.#refusals.get(request);
  }

  /** For the adapter: takes the refusal of a request along. */
  contextValues(request: NodeRequest): ContextValues {
    return createContextValues().set(refusalKey, this.#refusals.get(request));
  }

  /** For the adapter: ends a refused call before its body is read. */
  readonly gate = ({ values }: Pick<HandlerContext, "values">): void => {
    const refusal = values.get(refusalKey);
    if (refusal !== undefined) throw toConnectError(refusal);
  };

  /** Has a call refused in the words of its protocol, before it is read. */
  readonly refuse = (request: NodeRequest, response: NodeResponse, why: GraftError): void => {
    this.#refusals.set(request, why);
    const retryAfterMs = getRetryAfterMs(why);
    if (retryAfterMs === undefined) return;
    const seconds = String(Math.ceil(retryAfterMs / 1000));
    (response as unknown as ServerResponse).setHeader("retry-after", seconds);
  };

  #enter(call: Incoming, request: NodeRequest, response: NodeResponse): void {
    const refusal = this.#inFlight.enter(call.size);
    if (refusal !== undefined) {
      call.isCounted = false;
      this.refuse(request, response, refusal);
    }
  }

  #leave(call: Incoming): void {
    if (!call.isCounted) return;
    call.isCounted = false;
    this.#inFlight.leave(call.size);
  }

  #grow(call: Incoming, size: number): GraftError | undefined {
    const refusal = this.#inFlight.grow(call.size, size);
    if (refusal === undefined) call.size = size;
    return refusal;
  }

  /**
   * Counts what arrives of a request. Where it is more than was announced, and there is no room for
   * it, who reads it learns why; HTTP/1.1 knows no answer to half a request but to hang up.
   */
  #meter(call: Incoming, request: NodeRequest, response: NodeResponse): void {
    const { push } = request;
    const isLimited = !call.isCounted;
    // Answered or refused, nobody reads on: what still comes is dropped, so that its stream ends.
    let isOver = false;
    let untakenSize = 0;
    const wait = (size: number): void => {
      untakenSize = size;
      this.#inFlight.untaken(size);
    };
    if ("stream" in response) giveUpUntaken(response as Http2ServerResponse, this.#untakenMs);
    onceAnswered(response, wait, () => {
      isOver = true;
      this.#inFlight.taken(untakenSize);
      untakenSize = 0;
      this.#leave(call);
      // Answered before it had come: it may not take for ever either.
      if (request.complete) this.#slow.delete(call);
      else request.once("close", () => this.#slow.delete(call));
    });
    this.#slow.add(call);
    request.push = (chunk: Uint8Array | null, ...rest) => {
      if (chunk === null) this.#slow.delete(call);
      if (isOver && chunk !== null) return true;
      if (chunk === null) return push.call(request, chunk, ...rest);
      call.read += chunk.length;
      const refusal = isLimited ? tooLarge(call.read) : this.#growTo(call, call.read);
      if (refusal === undefined) return push.call(request, chunk, ...rest);
      isOver = true;
      this.#leave(call);
      cutOff(request, refusal);
      return true;
    };
  }

  #growTo(call: Incoming, size: number): GraftError | undefined {
    return size <= call.size ? undefined : this.#grow(call, size);
  }
}

/** Whoever reads the request learns why. */
function cutOff(request: NodeRequest, why: GraftError): void {
  // Nobody may be reading yet.
  request.on("error", () => undefined);
  request.destroy(toConnectError(why));
}

/**
 * The whole answer was handed over, or is so small that it may wait, or nobody is there any more;
 * may be told more than once. An HTTP/2 response is closed no sooner than its request, and its
 * caller may keep both open for as long as it likes.
 *
 * @param onWait told the bytes of an answer that is to wait for its reader
 */
function onceAnswered(
  response: NodeResponse,
  onWait: (size: number) => void,
  listener: () => void,
): void {
  const stream = "stream" in response ? (response as Http2ServerResponse).stream : undefined;
  response.once("close", listener);
  stream?.once("finish", listener);
  // The two response types agree on this call, but not on its overloads.
  const common = response as { end(...rest: unknown[]): unknown };
  const end = common.end.bind(response);
  common.end = (...rest: unknown[]) => {
    end(...rest);
    const size = stream?.writableLength ?? response.writableLength;
    if (size > WAITING_SIZE_SMALL) onWait(size);
    else if (stream !== undefined) listener();
    return response;
  };
}

/** Ends a stream of which nothing is taken: of HTTP/1.1 the server ends the connection. */
function giveUpUntaken({ stream }: Http2ServerResponse, untakenMs: number): void {
  stream.setTimeout(untakenMs, () => {
    if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
  });
}

/** Of HTTP/2: an answer does not end the stream of who keeps sending. */
function dropStream(request: NodeRequest): void {
  if ("stream" in request) (request as Http2ServerRequest).stream.close();
}

function tooLarge(size: number): GraftError | undefined {
  if (size <= UNCOUNTED_SIZE_MAX) return undefined;
  const message = `request of more than ${UNCOUNTED_SIZE_MAX} bytes: expected less for this call`;
  return new GraftError("resource-exhausted", message, { details: nothingWritten });
}

function announcedSize({ headers }: NodeRequest): number | undefined {
  const announced = headers["content-length"];
  return announced === undefined ? undefined : Number(announced);
}

/** What is announced to be more than a request may have is refused when it is read: no room. */
function reservedSize(announced: number | undefined): number | undefined {
  if (announced === undefined) return undefined;
  return announced > REQUEST_BODY_SIZE_MAX ? 0 : announced;
}

function isCompressed({ headers }: NodeRequest): boolean {
  return ENCODING_HEADERS.some((name) => (headers[name] ?? "identity") !== "identity");
}
