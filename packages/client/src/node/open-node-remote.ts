import { GraftError } from "@graft/core";
import { nodeCompute, systemClock } from "@graft/core/node";
import {
  createMetastoreClient,
  createPagestoreClient,
  type Tracer,
  traceInterceptor,
} from "@graft/rpc";
import { createNodeTransport, type NodeTransport, type WireStats } from "@graft/rpc/node";
import { createConnectRemote } from "../remote/connect-remote.ts";
import { nameOutages } from "../remote/name-outages.ts";
import type { Remote } from "../remote/remote.ts";
import { type TokenSource, toGetToken } from "../remote/token-source.ts";

export interface NodeRemoteOptions {
  /** "http://127.0.0.1:3000": one server for both services, or one for each. */
  readonly url: string | { readonly metastore: string; readonly pagestore: string };
  /** Sent as a bearer token with every call: a text, or who is asked for it each time. */
  readonly token?: TokenSource | undefined;
  /** Longest unary call, ms; default 60 000. */
  readonly timeoutMs?: number | undefined;
  /** Default "2"; "1.1" where something in between does not speak it. */
  readonly httpVersion?: "1.1" | "2" | undefined;
  /** Makes a span of each call, and tells the server of it. Default: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** Certificates of servers to trust, in PEM, instead of those that the system trusts. */
  readonly ca?: string | undefined;
}

/** Calls sent so far, and bytes on all connections with headers and framing. */
export interface RemoteTraffic {
  readonly requests: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** The services over HTTP/2. */
export interface NodeRemote extends Remote {
  traffic(): RemoteTraffic;
}

/**
 * Connects on the first call, so that a replica opens without a network.
 *
 * @throws GraftError `invalid-argument`: not a URL of a server
 */
export function openNodeRemote(options: NodeRemoteOptions): NodeRemote {
  const { url } = options;
  const metastoreUrl = metastoreUrlOf(url);
  const pagestoreUrl = parseServerUrl(typeof url === "string" ? url : url.pagestore);
  const metastore = openTransport(metastoreUrl, options);
  const isShared = metastoreUrl === pagestoreUrl;
  const pagestore = isShared ? metastore : openTransport(pagestoreUrl, options);
  const transports = isShared ? [metastore] : [metastore, pagestore];
  const remote = createConnectRemote({
    name: isShared ? metastoreUrl : `${metastoreUrl} and ${pagestoreUrl}`,
    clients: {
      metastore: createMetastoreClient(metastore.transport),
      pagestore: createPagestoreClient(pagestore.transport),
    },
    compute: nodeCompute,
    reconnect: () => {
      for (const transport of transports) transport.reconnect();
    },
    close: async () => {
      for (const transport of transports) transport.close();
    },
  });
  return {
    ...nameOutages(remote, systemClock),
    traffic: () => addTraffic(transports.map((transport) => transport.stats())),
  };
}

/** Where news come from. @throws GraftError `invalid-argument` */
export function metastoreUrlOf(url: NodeRemoteOptions["url"]): string {
  return parseServerUrl(typeof url === "string" ? url : url.metastore);
}

function openTransport(baseUrl: string, options: NodeRemoteOptions): NodeTransport {
  return createNodeTransport({
    baseUrl,
    clock: systemClock,
    getToken: toGetToken(options.token),
    timeoutMs: options.timeoutMs,
    httpVersion: options.httpVersion,
    ca: options.ca,
    interceptors: options.tracer === undefined ? [] : [traceInterceptor(options.tracer)],
  });
}

function parseServerUrl(text: string): string {
  const url = URL.parse(text);
  const isServer =
    (url?.protocol === "http:" || url?.protocol === "https:") &&
    url.pathname === "/" &&
    url.search === "" &&
    url.hash === "";
  if (url !== null && isServer) return url.origin;
  throw new GraftError(
    "invalid-argument",
    `"${text}" is no URL of a server: expected http://host:port or https://host:port`,
  );
}

function addTraffic(parts: readonly WireStats[]): RemoteTraffic {
  let [requests, bytesUp, bytesDown] = [0, 0, 0];
  for (const stats of parts) {
    requests += stats.requests;
    bytesUp += stats.bytesSent;
    bytesDown += stats.bytesReceived;
  }
  return { requests, bytesUp, bytesDown };
}
