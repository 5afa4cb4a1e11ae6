/**
 * Single requests over one pool of connections. The `minio` client signs and addresses them; alone
 * it has no timeouts and no abort signals, and drops the status of failures. Each request therefore
 * gets a client of its own (2 µs), whose transport adds the first two and remembers the answer.
 */
import * as http from "node:http";
import * as https from "node:https";
import { invariant } from "@graft/core";
import { Client, type ClientOptions } from "minio";
import type { S3Location } from "./s3-location.ts";

/** Silence on a connection before a request on it is given up, ms. Not a limit on large bodies. */
export const S3_IDLE_TIMEOUT_MS = 20_000;
/** Unused connections are closed before servers (5 s and up) do it under a request. */
const UNUSED_TIMEOUT_MS = 4_000;
/** Connections at once: well over the 64 requests a busy node has under way. */
const CONNECTIONS_MAX = 128;

/** The status and headers of an answer; undefined until there was one. */
export interface S3Exchange {
  response: http.IncomingMessage | undefined;
}

/** Makes clients for single requests over one pool of connections. */
export class S3Connections {
  readonly #location: S3Location;
  readonly #agent: http.Agent;
  readonly #idleTimeoutMs: number;
  readonly #underWay = new Set<http.ClientRequest>();
  #isClosed = false;

  constructor(location: S3Location, idleTimeoutMs: number = S3_IDLE_TIMEOUT_MS) {
    const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX, timeout: UNUSED_TIMEOUT_MS };
    this.#location = location;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#agent = useTls(location) ? new https.Agent(options) : new http.Agent(options);
  }

  /** A client for one request, and where its answer will be found. */
  open(signal: AbortSignal | undefined): { client: Client; exchange: S3Exchange } {
    const exchange: S3Exchange = { response: undefined };
    const request = (options: RequestTarget, second?: RequestSecond): http.ClientRequest => {
      invariant(typeof second === "function", "minio sends with options and a callback");
      return this.#send(options, signal, (response) => {
        exchange.response = response;
        second(response);
      });
    };
    return { client: new Client(this.#clientOptions({ request })), exchange };
  }

  /** Ends all connections; requests under way fail. */
  close(): void {
    this.#isClosed = true;
    for (const request of this.#underWay) request.destroy(new Error("the object store was closed"));
    this.#agent.destroy();
  }

  #send(
    options: RequestTarget,
    signal: AbortSignal | undefined,
    onResponse: OnResponse,
  ): http.ClientRequest {
    invariant(typeof options === "object" && !(options instanceof URL), "minio sends options");
    if (this.#isClosed) throw new Error("the object store is closed");
    const withLimits = {
      ...options,
      agent: this.#agent,
      timeout: this.#idleTimeoutMs,
      ...(signal === undefined ? {} : { signal }),
    };
    const { request: send } = useTls(this.#location) ? https : http;
    const request = send(withLimits, onResponse);
    this.#underWay.add(request);
    request.on("close", () => this.#underWay.delete(request));
    request.on("timeout", () => {
      request.destroy(new Error(`nothing moved for ${this.#idleTimeoutMs} ms`));
    });
    return request;
  }

  #clientOptions(transport: Transport): ClientOptions {
    const { endpoint, credentials, region, pathStyle } = this.#location;
    return {
      endPoint: endpoint?.host ?? "s3.amazonaws.com",
      ...(endpoint === undefined ? {} : { port: endpoint.port }),
      useSSL: useTls(this.#location),
      accessKey: credentials.accessKey,
      secretKey: credentials.secretKey,
      ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
      region,
      pathStyle,
      transport,
      transportAgent: this.#agent,
      retryOptions: { disableRetry: true },
    };
  }
}

type Transport = Pick<typeof http, "request">;
type RequestTarget = http.RequestOptions | string | URL;
type RequestSecond = http.RequestOptions | OnResponse;
type OnResponse = (response: http.IncomingMessage) => void;

function useTls(location: S3Location): boolean {
  return location.endpoint?.useTls ?? true;
}
