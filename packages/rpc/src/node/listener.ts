/**
 * Accepts connections and hands each to the server of its protocol:
 *
 *     TCP ─┬─ clear ───────────────┬─ first bytes ─┬─ HTTP/2
 *          └─ TLS (ALPN h2, http/1.1) ┘            └─ HTTP/1.1
 *
 * Who says nothing, or does not end its handshake, is dropped after a fixed time.
 */
import type { Server as HttpServer } from "node:http";
import type { Http2Server } from "node:http2";
import * as net from "node:net";
import * as tls from "node:tls";
import { GraftError } from "@graft/core";
import type { Log } from "../log.ts";
import type { Certificate, CertificateSource } from "./certificate-files.ts";
import type { Connections } from "./connections.ts";
import { detectProtocol } from "./preface.ts";

/** A handshake takes two round trips; nobody is two seconds away. */
const HANDSHAKE_MS = 10_000;
/** Beyond the connections that there may be: those that make room are not closed at once. */
const CLOSING_COUNT_MAX = 1024;
/** A peer that vanished without a word is noticed by the kernel: asked after each minute, ms. */
const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };

export interface ListenerOptions {
  readonly h1: HttpServer;
  readonly h2: Http2Server;
  readonly connections: Connections;
  /** A connection that has not said which protocol it speaks by then is dropped, ms. */
  readonly silenceMs: number;
  /** Absent: cleartext. */
  readonly certificate?: CertificateSource | undefined;
  readonly log: Log;
}

export interface Listener {
  readonly server: net.Server;
  readonly scheme: "http" | "https";
  /** Ends what it does besides listening. */
  release(): void;
}

/** @throws GraftError `io`, `invalid-argument`: the certificate cannot be read, or used */
export function createListener(options: ListenerOptions): Listener {
  const { h1, h2, connections, silenceMs, certificate } = options;
  const onSocket = (socket: net.Socket): void => {
    connections.accept(socket);
    detectProtocol(socket, silenceMs, (protocol) => {
      if (protocol === "http2") connections.handOver(socket);
      (protocol === "http2" ? h2 : h1).emit("connection", socket);
    });
  };
  const listener =
    certificate === undefined
      ? createClearListener(onSocket)
      : createTlsListener(certificate, onSocket, options.log);
  listener.server.maxConnections = connections.countMax + CLOSING_COUNT_MAX;
  // With TLS this is the one below: before its handshake it counts as well.
  listener.server.on("connection", (socket: net.Socket) => connections.add(socket));
  return listener;
}

function createClearListener(onSocket: (socket: net.Socket) => void): Listener {
  const server = net.createServer({ ...SOCKET_OPTIONS, allowHalfOpen: true }, onSocket);
  return { server, scheme: "http", release: () => undefined };
}

function createTlsListener(
  source: CertificateSource,
  onSocket: (socket: net.Socket) => void,
  log: Log,
): Listener {
  const server = tls.createServer(
    {
      ...SOCKET_OPTIONS,
      ...usable(source.read()),
      ALPNProtocols: ["h2", "http/1.1"],
      minVersion: "TLSv1.2",
      handshakeTimeout: HANDSHAKE_MS,
    },
    (socket) => {
      // The connection below it is reset: the request that it cuts off notices.
      socket.on("error", () => undefined);
      onSocket(socket);
    },
  );
  server.on("tlsClientError", ({ message }) => log.debug({ error: message }, "no TLS handshake"));
  const release = source.watch(() => {
    try {
      server.setSecureContext(usable(source.read()));
      log.info({}, "certificate read again");
    } catch (error) {
      // Half of a pair may have been replaced: the one in use is as good as it was.
      log.warn({ err: error }, "certificate not replaced");
    }
  });
  return { server, scheme: "https", release };
}

/** The certificate and its key, if they can be used together. */
function usable({ cert, key }: Certificate): Certificate {
  try {
    tls.createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `the certificate and its key cannot be used: ${why}; expected both in PEM`;
    throw new GraftError("invalid-argument", message, { cause });
  }
}
