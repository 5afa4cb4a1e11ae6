import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type Clock, GraftError, isGraftError } from "@graft/core";
import type { Client } from "minio";
import type { ObjectStoreOperation } from "./object-store.ts";
import type { ObjectStoreRequest, RequestMeter } from "./request-meter.ts";
import { parseErrorText, readBody, readErrorText } from "./s3-body.ts";
import { S3Connections, type S3Exchange } from "./s3-connections.ts";
import { s3Error, s3Unanswered } from "./s3-error.ts";
import type { S3Location } from "./s3-location.ts";

/** A request, as metrics and messages name it. */
export interface S3Call {
  readonly operation: ObjectStoreOperation;
  /** Of the object; of a listing its prefix. */
  readonly key: string;
  /** "create volumes/…": for messages. */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
}

/** What is sent. */
export interface S3Message {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** The object's name in the bucket, prefix included. */
  readonly objectName: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** An answer of any status. */
export interface S3Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Of a GET that succeeded; else empty. */
  readonly body: Uint8Array;
  /** S3's own code and message when it failed; may be empty. */
  readonly code: string;
  readonly message: string;
}

/** All statuses: failures are ours to read, and `minio` shall not. */
const STATUSES: number[] = Array.from({ length: 500 }, (_, at) => 100 + at);
const NOTHING = new Uint8Array(0);

/** Sends requests to one bucket, counts them, and reads the store's clock off their answers. */
export class S3Requester {
  readonly #storeName: string;
  readonly #bucket: string;
  readonly #connections: S3Connections;
  readonly #clock: Clock;
  readonly #meter: RequestMeter | undefined;
  #serverTime: { readonly ms: number; readonly atMs: number } | undefined;

  constructor(options: {
    readonly storeName: string;
    readonly location: S3Location;
    readonly clock: Clock;
    readonly meter: RequestMeter | undefined;
    readonly idleTimeoutMs: number | undefined;
  }) {
    this.#storeName = options.storeName;
    this.#bucket = options.location.bucket;
    this.#connections = new S3Connections(options.location, options.idleTimeoutMs);
    this.#clock = options.clock;
    this.#meter = options.meter;
  }

  /**
   * Sends a message and reads the answer, whatever its status.
   *
   * @throws GraftError `unavailable` when there was no answer, or it broke off: the outcome is
   *   unknown
   */
  async send(call: S3Call, message: S3Message): Promise<S3Reply> {
    const body = bufferOf(message.body ?? NOTHING);
    const sent = { sentBytes: body.length, receivedBytes: 0 };
    return await this.#metered(call, sent, async () => {
      const { client, exchange } = this.#connections.open(call.signal);
      const response = await this.#exchange(call, exchange, () =>
        client.makeRequestStreamAsync(
          {
            method: message.method,
            bucketName: this.#bucket,
            objectName: message.objectName,
            query: message.query ?? "",
            headers: { ...message.headers, ...sizeHeader(message, body) },
          },
          body,
          client.enableSHA256 ? createHash("sha256").update(body).digest("hex") : "",
          STATUSES,
          "",
        ),
      );
      const reply = await this.#read(call, message, response);
      sent.receivedBytes = reply.body.length;
      return { value: reply, outcome: this.#outcomeOf(call, message, reply) };
    });
  }

  /** Runs one request that the client also reads the answer of. Any failure is an error. */
  async run<T>(call: S3Call, action: (client: Client, bucket: string) => Promise<T>): Promise<T> {
    return await this.#metered(call, { sentBytes: 0, receivedBytes: 0 }, async () => {
      const { client, exchange } = this.#connections.open(call.signal);
      try {
        const value = await action(client, this.#bucket);
        this.#noteServerTime(exchange.response);
        return { value, outcome: "ok" };
      } catch (cause) {
        throw await this.#runError(call, exchange, cause);
      }
    });
  }

  /** The error a reply stands for. */
  failure(call: S3Call, reply: Pick<S3Reply, "status" | "code" | "message">): GraftError {
    const { status, code, message } = reply;
    return s3Error({ what: call.what, store: this.#storeName, status, code, message });
  }

  /** The store's clock now, ms since 1970, to about a second; undefined before its first answer. */
  serverTimeMs(): number | undefined {
    const seen = this.#serverTime;
    return seen === undefined ? undefined : seen.ms + (this.#clock.monotonicMs() - seen.atMs);
  }

  close(): void {
    this.#connections.close();
  }

  async #exchange(
    call: S3Call,
    exchange: S3Exchange,
    send: () => Promise<IncomingMessage>,
  ): Promise<IncomingMessage> {
    call.signal?.throwIfAborted();
    try {
      return await send();
    } catch (cause) {
      call.signal?.throwIfAborted();
      // The client throws away answers that it takes for worth a retry, such as 503.
      if (exchange.response !== undefined) return exchange.response;
      throw s3Unanswered(call.what, this.#storeName, cause);
    }
  }

  async #read(call: S3Call, message: S3Message, response: IncomingMessage): Promise<S3Reply> {
    this.#noteServerTime(response);
    const { statusCode: status = 0, headers } = response;
    if (status < 200 || status > 299) {
      const error = parseErrorText(await readErrorText(response));
      const header = headers["x-minio-error-code"];
      const code = error.code === "" && typeof header === "string" ? header : error.code;
      return { status, headers, body: NOTHING, code, message: error.message };
    }
    try {
      if (message.method === "GET") {
        return { status, headers, body: await readBody(response), code: "", message: "" };
      }
      response.resume();
      return { status, headers, body: NOTHING, code: "", message: "" };
    } catch (cause) {
      call.signal?.throwIfAborted();
      if (!isGraftError(cause)) throw s3Unanswered(call.what, this.#storeName, cause);
      throw new GraftError(cause.code, `${this.#storeName}: ${call.what}: ${cause.message}`, {
        cause,
      });
    }
  }

  /** What a request of the client's own failed of. */
  async #runError(call: S3Call, exchange: S3Exchange, cause: unknown): Promise<unknown> {
    if (call.signal?.aborted === true) return call.signal.reason;
    const { response } = exchange;
    const status = response?.statusCode ?? 0;
    this.#noteServerTime(response);
    // A 200 that reports an error in its body is S3's way to say "try again" after a long request.
    if (response === undefined || status < 300) {
      return s3Unanswered(call.what, this.#storeName, cause);
    }
    const read = response.readableEnded ? "" : await readErrorText(response);
    const error = read === "" ? errorFacts(cause) : parseErrorText(read);
    return this.failure(call, { status, ...error });
  }

  async #metered<T>(
    call: S3Call,
    bytes: { sentBytes: number; receivedBytes: number },
    run: () => Promise<{ value: T; outcome: ObjectStoreRequest["outcome"] }>,
  ): Promise<T> {
    call.signal?.throwIfAborted();
    const startedMs = this.#clock.monotonicMs();
    let outcome: ObjectStoreRequest["outcome"] = "aborted";
    try {
      const answer = await run();
      outcome = answer.outcome;
      return answer.value;
    } catch (error) {
      if (isGraftError(error)) outcome = error.code;
      throw error;
    } finally {
      const durationMs = this.#clock.monotonicMs() - startedMs;
      const { operation, key } = call;
      this.#meter?.record({ operation, key, outcome, ...bytes, durationMs });
    }
  }

  #outcomeOf(call: S3Call, message: S3Message, reply: S3Reply): ObjectStoreRequest["outcome"] {
    if (reply.status < 300 || reply.status === 416) return "ok";
    if (isMissing(message, reply)) return "missing";
    if (reply.status === 412) return "exists";
    return this.failure(call, reply).code;
  }

  #noteServerTime(response: IncomingMessage | undefined): void {
    const ms = Date.parse(response?.headers.date ?? "");
    if (Number.isNaN(ms)) return;
    this.#serverTime = { ms, atMs: this.#clock.monotonicMs() };
  }
}

/** Whether the answer says that the object, and not its bucket, is not there. */
export function isMissing(message: Pick<S3Message, "method">, reply: S3Reply): boolean {
  if (reply.status !== 404) return false;
  return reply.code === "NoSuchKey" || (message.method === "HEAD" && reply.code !== "NoSuchBucket");
}

function errorFacts(cause: unknown): { readonly code: string; readonly message: string } {
  if (!(cause instanceof Error)) return { code: "", message: String(cause) };
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return { code, message: cause.message };
}

/** Only a message with a body announces its size. */
function sizeHeader(message: S3Message, body: Buffer): Readonly<Record<string, number>> {
  return message.method === "PUT" ? { "content-length": body.length } : {};
}

/** The same bytes as Node's own kind of array, not copied. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
