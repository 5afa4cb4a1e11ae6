/** The transport of Node: HTTP/2 or HTTP/1.1, kept alive, counting what goes over the wire. */
import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Clock } from "@graft/core";
import { type GetToken, sendTokenInterceptor } from "../interceptors/auth.ts";
import { deadlineInterceptor } from "../interceptors/deadline.ts";
import { COMPRESS_SIZE_MIN, COMPRESSIONS, type CompressionName } from "./compression.ts";
import { openSocket, WideSessionManager } from "./http2-client.ts";
import { WireCounter, type WireStats } from "./wire-counter.ts";

/** An answer at the very most: a commit of 16 MiB with what is around it. */
const ANSWER_SIZE_MAX: number = 17 * 1024 * 1024;
const PING_INTERVAL_MS_DEFAULT = 30_000;
/** Connections of one HTTP/1.1 client: uploads, reads and streams side by side. */
const SOCKET_COUNT_MAX = 64;

export interface NodeTransportOptions {
  /** "http://127.0.0.1:3000": no path. */
  readonly baseUrl: string;
  readonly clock: Clock;
  /** Default "2". */
  readonly httpVersion?: "1.1" | "2" | undefined;
  /** Sent as a bearer token; asked again for every call. */
  readonly getToken?: GetToken | undefined;
  /** Longest unary call, ms; default 60 000. Streams have no limit. */
  readonly timeoutMs?: number | undefined;
  /**
   * How often a connection with open calls is pinged, so that a dead peer is noticed, ms; default
   * 30 000. HTTP/2 only.
   */
  readonly pingIntervalMs?: number | undefined;
  /** What answers may be compressed with; default zstd, then gzip. */
  readonly acceptCompression?: readonly CompressionName[] | undefined;
  /**
   * What requests are compressed with; default nothing: pages are compressed where they are
   * stored.
   */
  readonly sendCompression?: CompressionName | undefined;
  /**
   * Certificates to trust, in PEM, instead of those that the system trusts (and those of
   * `NODE_EXTRA_CA_CERTS`).
   */
  readonly ca?: string | undefined;
  readonly interceptors?: readonly Interceptor[] | undefined;
}

export interface NodeTransport {
  readonly transport: Transport;
  /** So far, over all connections: calls, and bytes with headers and framing. */
  stats(): WireStats;
  /**
   * Lets go of every connection, as dead ones that nobody has told us of: calls under way fail, the
   * next one connects anew.
   */
  reconnect(): void;
  /** Closes every connection; calls under way fail. */
  close(): void;
}

const TIMEOUT_MS_DEFAULT = 60_000;

/** Connects on the first call, and again whenever the connection was lost. */
export function createNodeTransport(options: NodeTransportOptions): NodeTransport {
  const counter = new WireCounter();
  const common = {
    baseUrl: options.baseUrl,
    useBinaryFormat: true,
    readMaxBytes: ANSWER_SIZE_MAX,
    compressMinBytes: COMPRESS_SIZE_MIN,
    acceptCompression: (options.acceptCompression ?? ["zstd", "gzip"]).map((n) => COMPRESSIONS[n]),
    ...(options.sendCompression === undefined
      ? {}
      : { sendCompression: COMPRESSIONS[options.sendCompression] }),
    interceptors: [
      counter.interceptor,
      sendTokenInterceptor(options.getToken ?? (() => undefined)),
      deadlineInterceptor({
        clock: options.clock,
        timeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
      }),
      ...(options.interceptors ?? []),
    ],
  };
  const stats = () => counter.stats();
  if (options.httpVersion === "1.1") {
    const agent = createAgent(options, counter);
    const transport = createConnectTransport({
      ...common,
      httpVersion: "1.1",
      nodeOptions: { agent },
    });
    const close = (): void => agent.destroy();
    return { transport, stats, reconnect: close, close };
  }
  const sessionManager = new WideSessionManager(
    options.baseUrl,
    { pingIntervalMs: options.pingIntervalMs ?? PING_INTERVAL_MS_DEFAULT },
    { createConnection: (authority) => counter.track(openSocket(authority, options.ca)) },
  );
  const transport = createConnectTransport({ ...common, httpVersion: "2", sessionManager });
  const close = (): void => sessionManager.abort();
  return { transport, stats, reconnect: close, close };
}

function createAgent(
  { baseUrl, ca }: Pick<NodeTransportOptions, "baseUrl" | "ca">,
  counter: WireCounter,
): http.Agent {
  const options = { keepAlive: true, maxSockets: SOCKET_COUNT_MAX };
  const agent = baseUrl.startsWith("https:")
    ? new https.Agent({ ...options, ...(ca && { ca }) })
    : new http.Agent(options);
  const open = agent.createConnection.bind(agent);
  agent.createConnection = (...args) => {
    const socket = open(...args);
    if (socket !== null && socket !== undefined) counter.track(socket as Socket);
    return socket;
  };
  return agent;
}
