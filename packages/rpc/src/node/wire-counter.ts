import type { Socket } from "node:net";
import type { Interceptor } from "@connectrpc/connect";

/** What went over the wire. Bytes include headers and framing. */
export interface WireStats {
  readonly requests: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Counts calls and the bytes of sockets, open and closed. */
export class WireCounter {
  readonly #open = new Set<Socket>();
  #requests = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  /** Counts each call once, when it is sent. */
  readonly interceptor: Interceptor = (next) => (request) => {
    this.#requests++;
    return next(request);
  };

  /** Counts the socket's bytes from now on. Answers the socket. */
  track(socket: Socket): Socket {
    this.#open.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#bytesSent += socket.bytesWritten;
      this.#bytesReceived += socket.bytesRead;
    });
    return socket;
  }

  stats(): WireStats {
    let bytesSent = this.#bytesSent;
    let bytesReceived = this.#bytesReceived;
    for (const socket of this.#open) {
      bytesSent += socket.bytesWritten;
      bytesReceived += socket.bytesRead;
    }
    return { requests: this.#requests, bytesSent, bytesReceived };
  }
}
