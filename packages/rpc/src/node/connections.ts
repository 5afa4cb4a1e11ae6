/**
 * The open connections and running requests of a server, so that it can stop in order:
 * accepting → draining (no new requests, running ones end) → stopped (connections are cut).
 */
import type { Server as HttpServer } from "node:http";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { NodeHandler } from "./node-handler.ts";

/** Bytes a peer may send ahead on one HTTP/2 connection: two parts of an upload in flight. */
const CONNECTION_WINDOW_SIZE: number = 16 * 1024 * 1024;

export class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #idleMs: number;
  #requestCount = 0;
  #isDraining = false;
  #onIdle: (() => void) | undefined;
  #onSessionsClosed: (() => void) | undefined;

  /** @param idleMs how long an HTTP/2 connection stays open on which nothing happens */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // A reset peer is no news: the request that it cuts off notices.
    socket.on("error", () => undefined);
  }

  /** Watches the sessions of an HTTP/2 server and widens their windows. */
  watchSessions(server: Http2Server): void {
    server.on("session", (session) => {
      session.setLocalWindowSize(CONNECTION_WINDOW_SIZE);
      // Nothing came and nothing went, not even a heartbeat: it ends when its last stream has.
      session.setTimeout(this.#idleMs, () => session.close());
      this.#sessions.add(session);
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
      if (this.#isDraining && request.httpVersionMajor === 1) {
        response.setHeader("connection", "close");
      }
      response.once("close", () => {
        this.#requestCount--;
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
