/**
 * The open connections and running requests of a server, so that it can stop in order:
 * accepting → draining (no new requests, running ones end) → stopped (connections are cut).
 */
import type { Server as HttpServer } from "node:http";
import type { Http2Server, Http2ServerRequest, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { IdlePeers, type Peer } from "./idle-peers.ts";
import type { NodeHandler, NodeRequest } from "./node-handler.ts";

/** Bytes a peer may send ahead on one HTTP/2 connection: two parts of an upload in flight. */
const CONNECTION_WINDOW_SIZE: number = 16 * 1024 * 1024;

export interface ConnectionsOptions {
  /** How long an HTTP/2 connection stays open on which nothing happens, ms. */
  readonly idleMs: number;
  /** Connections at once. */
  readonly countMax: number;
}

export class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #idle = new IdlePeers();
  readonly #options: ConnectionsOptions;
  #requestCount = 0;
  #isDraining = false;
  #onIdle: (() => void) | undefined;
  #onSessionsClosed: (() => void) | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get countMax(): number {
    return this.#options.countMax;
  }

  /** Where there are too many, the one that is idle for longest makes room, or this one is cut. */
  add(socket: Socket): void {
    this.#sockets.add(socket);
    if (this.#sockets.size > this.#options.countMax && !this.#idle.closeLongest()) {
      socket.destroy();
    }
    socket.once("close", () => this.#sockets.delete(socket));
    // A reset peer is no news: the request that it cuts off notices.
    socket.on("error", () => undefined);
  }

  /** Bytes are about to come on it: with TLS it is the one above. */
  accept(socket: Socket): void {
    this.#idle.add(socket);
  }

  /** Its session speaks for it. */
  handOver(socket: Socket): void {
    this.#idle.delete(socket);
  }

  /**
   * Nothing came, and nothing was taken, for as long as is allowed: closes it, unless all that its
   * caller waits for is still being worked on.
   */
  closeSilent(socket: Socket): void {
    if (!this.#idle.isBusy(socket) || socket.writableLength > 0) socket.destroy();
  }

  /** Watches the sessions of an HTTP/2 server and widens their windows. */
  watchSessions(server: Http2Server): void {
    server.on("session", (session) => {
      session.setLocalWindowSize(CONNECTION_WINDOW_SIZE);
      // Nothing came and nothing went, not even a heartbeat: it ends when its last stream has.
      session.setTimeout(this.#options.idleMs, () => session.close());
      this.#sessions.add(session);
      this.#idle.add(session);
      session.once("close", () => {
        this.#sessions.delete(session);
        if (this.#sessions.size === 0) this.#onSessionsClosed?.();
      });
      if (this.#isDraining) session.close();
    });
  }

  /** Counts the requests that pass through a handler. */
  count(handler: NodeHandler): NodeHandler {
    return (request, response) => {
      this.#requestCount++;
      const peer = peerOf(request);
      if (peer !== undefined) this.#idle.begin(peer);
      if (this.#isDraining && request.httpVersionMajor === 1) {
        response.setHeader("connection", "close");
      }
      response.once("close", () => {
        this.#requestCount--;
        if (peer !== undefined) this.#idle.end(peer);
        if (this.#requestCount === 0) this.#onIdle?.();
      });
      handler(request, response);
    };
  }

  /** Asks peers to go; resolves when no request runs any more. */
  async drain(h1: HttpServer): Promise<void> {
    this.#isDraining = true;
    h1.closeIdleConnections();
    for (const session of this.#sessions) session.close();
    if (this.#requestCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Resolves when what was answered over HTTP/2 has left: a session that drains closes then. */
  async whenSessionsClosed(): Promise<void> {
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onSessionsClosed = resolve;
    });
  }

  /** Cuts what is left. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Undefined: it is gone already. */
function peerOf(request: NodeRequest): Peer | undefined {
  if (!("stream" in request)) return request.socket;
  const { session } = (request as Http2ServerRequest).stream;
  return session as ServerHttp2Session | undefined;
}
