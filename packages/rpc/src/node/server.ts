/**
 * One port: HTTP/1.1 and cleartext HTTP/2 told apart by the first bytes; Connect, gRPC and
 * gRPC-Web; the raw v0.1 routes; `/health`, `/healthz`, `/metrics`, `grpc.health.v1`.
 */
import * as http from "node:http";
import * as http2 from "node:http2";
import type * as net from "node:net";
import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Clock, GraftError, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import type { Tracer } from "@opentelemetry/api";
import { registerBuildInfo } from "../build-info.ts";
import type { Authenticate } from "../interceptors/auth.ts";
import { createCallMetrics } from "../interceptors/metrics.ts";
import { SERVER_DEADLINE_MS, serverInterceptors } from "../interceptors/server-interceptors.ts";
import type { Log } from "../log.ts";
import type { MetricsRegistry } from "../metrics.ts";
import type { RawRoute } from "../raw/raw-route.ts";
import type { StreamRoute } from "../raw/stream-route.ts";
import { Admission } from "./admission.ts";
import { requireAuthority } from "./authority.ts";
import { CallerLimiter } from "./caller-limits.ts";
import { COMPRESS_SIZE_MIN, COMPRESSIONS } from "./compression.ts";
import { Connections } from "./connections.ts";
import { allowOrigins } from "./cors.ts";
import type { EdgeOptions } from "./edge.ts";
import { registerEventLoopMetrics } from "./event-loop-metrics.ts";
import { DrainableHealth, registerHealth } from "./health.ts";
import { IN_FLIGHT_DEFAULT, InFlight, type InFlightLimits } from "./in-flight.ts";
import { limitCallers } from "./limit-callers.ts";
import { createListener } from "./listener.ts";
import { type NodeHandler, type NodeRequest, pathOf } from "./node-handler.ts";
import { createOpsHandler } from "./ops-handler.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import { createRawHandler } from "./raw-handler.ts";
import { registerReflection } from "./reflection.ts";
import { stopServer } from "./shutdown.ts";
import { SlowRequests } from "./slow-requests.ts";
import { createStreamHandler } from "./stream-handler.ts";
import { createTokenGate } from "./token-gate.ts";
import { traceCalls } from "./trace-handler.ts";

/** v0.1 clients keep idle connections for 300 s: closing first would cost them a request. */
const KEEP_ALIVE_MS = 315_000;
/** A connection that has not said which protocol it speaks by then is dropped. */
const SILENCE_MS = 15_000;
/** Connections at once: some 10 KiB of memory each while nothing is asked on them. */
const CONNECTION_COUNT_MAX = 16_384;
/** An answer of which nothing was taken for so long is given up, ms: its reader is gone. */
const UNTAKEN_MS = 30_000;
/** Headers arrive at once, or somebody holds a connection open with as little as it takes. */
const H1_OPTIONS: http.ServerOptions = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  headersTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
};
/** Bytes a peer may send ahead on one stream. */
const STREAM_WINDOW_SIZE: number = 4 * 1024 * 1024;
const STREAM_COUNT_MAX = 1000;
/** Before the names of our services; health is always answered. */
const SERVICES = "/graft.";
/** MB of buffers an HTTP/2 session may hold; Node's 10 refuses streams under large uploads. */
const SESSION_MEMORY_MB = 128;

export interface ServerOptions {
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  /** Registers the services. */
  readonly routes: (router: ConnectRouter) => void;
  readonly rawRoutes?: readonly RawRoute[] | undefined;
  /** Streams of `routes` that are written as bytes where the caller speaks plain Connect. */
  readonly streamRoutes?: readonly StreamRoute[] | undefined;
  /** What is worked on at once; default `IN_FLIGHT_DEFAULT`. */
  readonly inFlight?: InFlightLimits | undefined;
  /** Bytes of requests that do not say how large they are, by path; default 64 KiB. */
  readonly usualSizes?: ReadonlyMap<string, number> | undefined;
  readonly metrics: MetricsRegistry;
  /** Makes spans of calls, but for streams of news. Default: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  readonly log: Log;
  readonly clock: Clock;
  /** Run inside the standard ones (metrics, log, errors, token, deadline). */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /**
   * Asked before the body of a call to the services is read; health and reflection are for all.
   * Default: everybody may call.
   */
  readonly authenticate?: Authenticate | undefined;
  /** How it meets a network that it does not trust. Default: as on loopback. */
  readonly edge?: EdgeOptions | undefined;
  /** Connections at once; default 16,384. Beyond it the longest idle one is closed. */
  readonly connectionCountMax?: number | undefined;
  /** How long a reader may take nothing of its answer, ms; default 30 000. */
  readonly untakenMs?: number | undefined;
  /** Longest unary call, ms; default 55 000. */
  readonly deadlineMs?: number | undefined;
}

export interface RunningServer {
  /** What a client connects to: "http://127.0.0.1:3000". */
  readonly url: string;
  readonly port: number;
  /**
   * Stops accepting, lets running requests end for up to `deadlineMs`, then cuts them. Repeatable.
   */
  close(deadlineMs?: number): Promise<void>;
}

/** Listens. @throws GraftError `unavailable` when the port is taken or not allowed */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const countMax = options.connectionCountMax ?? CONNECTION_COUNT_MAX;
  const connections = new Connections({ idleMs: KEEP_ALIVE_MS, countMax });
  const health = new DrainableHealth();
  const stopped = new AbortController();
  const handler = connections.count(
    requireAuthority(
      allowOrigins(options.edge?.corsOrigins ?? [], createHandler(options, health, stopped.signal)),
    ),
  );
  const h1 = http.createServer(H1_OPTIONS, handler);
  // NOTE: without it header and request timeouts and closeIdleConnections() do nothing, because
  // this server is handed its connections and never listens itself.
  h1.emit("listening");
  h1.timeout = options.untakenMs ?? UNTAKEN_MS;
  h1.on("timeout", (socket: net.Socket) => connections.closeSilent(socket));
  const h2 = http2.createServer(
    {
      settings: { initialWindowSize: STREAM_WINDOW_SIZE, maxConcurrentStreams: STREAM_COUNT_MAX },
      maxSessionMemory: SESSION_MEMORY_MB,
    },
    handler,
  );
  connections.watchSessions(h2);
  const { log } = options;
  const { certificate } = options.edge ?? {};
  const { server, scheme, release } = createListener({
    h1,
    h2,
    connections,
    silenceMs: SILENCE_MS,
    certificate,
    log,
  });
  registerProcessMetrics(options.metrics, options.clock);
  const stopWatching = registerEventLoopMetrics(options.metrics, options.clock);
  const host = options.host ?? "127.0.0.1";
  const port = await listen(server, host, options.port);
  let closing: Promise<void> | undefined;
  return {
    url: `${scheme}://${urlHost(host)}:${port}`,
    port,
    close(deadlineMs = 0) {
      const { clock } = options;
      const listener = server;
      closing ??= stopServer({ listener, h1, connections, health, stopped, clock, deadlineMs });
      stopWatching();
      release();
      return closing;
    },
  };
}

function createHandler(
  options: ServerOptions,
  health: DrainableHealth,
  stopped: AbortSignal,
): NodeHandler {
  const { log, clock, metrics } = options;
  registerBuildInfo(metrics);
  const authenticate = options.authenticate ?? (() => undefined);
  const isService = (path: string): boolean => path.startsWith(SERVICES);
  const rawPaths = new Set(options.rawRoutes?.map((route) => route.path));
  const streamPaths = new Set(options.streamRoutes?.map((route) => route.path));
  const isCounted = (path: string): boolean =>
    rawPaths.has(path) || (isService(path) && !streamPaths.has(path));
  const tracing = options.tracer && traceCalls(options.tracer, isCounted);
  const counted = createCallMetrics(metrics, clock);
  const callMetrics = tracing?.observe(counted) ?? counted;
  const checkToken = createTokenGate({ authenticate, isService, callMetrics, log });
  const inFlight = new InFlight(options.inFlight ?? IN_FLIGHT_DEFAULT, metrics);
  const admission = new Admission({
    inFlight,
    slow: new SlowRequests(clock, stopped, () => inFlight.takeCrowded()),
    clock,
    isCounted,
    usualSizes: options.usualSizes ?? new Map(),
    untakenMs: options.untakenMs ?? UNTAKEN_MS,
  });
  const refusalOf = (request: NodeRequest): GraftError | undefined => admission.refusalOf(request);
  const raw = createRawHandler({
    routes: options.rawRoutes ?? [],
    clock,
    deadlineMs: options.deadlineMs ?? SERVER_DEADLINE_MS,
    log,
    callMetrics,
    stopped,
    refusalOf,
    authenticate,
  });
  const ops = createOpsHandler({ health, metrics, next: raw });
  const connect = connectNodeAdapter({
    routes: (router) => {
      options.routes(router);
      registerHealth(router, health);
      registerReflection(router);
    },
    fallback: ops,
    interceptors: serverInterceptors({ ...options, callMetrics }),
    acceptCompression: Object.values(COMPRESSIONS).map((each) => admission.counted(each)),
    compressMinBytes: COMPRESS_SIZE_MIN,
    readMaxBytes: REQUEST_BODY_SIZE_MAX,
    shutdownSignal: stopped,
    contextValues: (request) => admission.contextValues(request),
    requestGate: (context) => {
      admission.gate(context);
      return checkToken(context);
    },
  });
  const routes = options.streamRoutes ?? [];
  const common = { log, clock, callMetrics, stopped, authenticate };
  const streams = createStreamHandler({ ...common, routes, next: connect });
  // Straight to where they are answered: a small read is over before the adapter has looked it up.
  const answering: NodeHandler = (request, response) => {
    if (rawPaths.has(pathOf(request))) return raw(request, response);
    return refusalOf(request) === undefined
      ? streams(request, response)
      : connect(request, response);
  };
  const { limits, trustsProxy = false } = options.edge ?? {};
  const limiter = limits && new CallerLimiter(limits, clock, metrics);
  const countsBytes = limits?.bytesPerSecond !== undefined;
  const limiting = { limiter, countsBytes, trustsProxy, refuse: admission.refuse };
  const handler = limitCallers(limiting, admission.guard(answering));
  return tracing?.wrap(handler) ?? handler;
}

function listen(listener: net.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once("error", (cause) => {
      const message = `cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new GraftError("unavailable", message, { cause }));
    });
    listener.listen({ host, port }, () => {
      const address = listener.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** The loopback address of a wildcard; brackets around IPv6. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
