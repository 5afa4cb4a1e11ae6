/**
 * A TCP proxy on loopback that holds bytes for half a round-trip time each way, and counts them,
 * and the calls and dependent round trips of the HTTP that passes.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { CallDepth } from "./call-depth.ts";

export interface DelayProxyOptions {
  /** Whether a new connection takes a round trip of its own, which loopback hides. Default: no. */
  readonly hasHandshake?: boolean;
}

export class DelayProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #calls: CallDepth;
  #sentBytes = 0;
  #receivedBytes = 0;
  #connectionCount = 0;

  private constructor(server: Server, sockets: Set<Socket>, calls: CallDepth) {
    this.#calls = calls;
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Bytes in both directions so far, headers and framing included. */
  get bytes(): number {
    return this.#sentBytes + this.#receivedBytes;
  }

  /** Those from the client. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Those from the target. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** TCP connections from the client. */
  get connections(): number {
    return this.#connectionCount;
  }

  /** Calls from the client. */
  get requests(): number {
    return this.#calls.callCount;
  }

  /** Calls of which each could not be sent before an earlier one was answered; no set-up of TCP. */
  get roundTrips(): number {
    return this.#calls.roundTripCount;
  }

  static async start(
    target: string,
    rttMs: number,
    { hasHandshake = false }: DelayProxyOptions = {},
  ): Promise<DelayProxy> {
    const { hostname, port } = new URL(target);
    const sockets = new Set<Socket>();
    const calls = new CallDepth();
    let proxy: DelayProxy | undefined;
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
      const upstream = connect({ host: hostname, port: Number(port), noDelay: true });
      const passing = calls.track();
      const handshakeEnd = performance.now() + (hasHandshake ? rttMs : 0);
      if (proxy !== undefined) proxy.#connectionCount++;
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from);
        const later = createLine();
        from.on("data", (bytes: Uint8Array) => {
          if (proxy !== undefined)
            proxy.#count(from === client ? "sent" : "received", bytes.length);
          if (from === client) passing.sent(bytes);
          const waitMs = from === client ? Math.max(0, handshakeEnd - performance.now()) : 0;
          later(waitMs + rttMs / 2, () => {
            if (from === upstream) passing.answered(bytes);
            to.write(bytes);
          });
        });
        from.on("end", () => {
          later(rttMs / 2, () => {
            if (from === upstream) passing.ended();
            to.end();
          });
        });
        from.on("error", () => to.destroy());
        from.on("close", () => sockets.delete(from));
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = new DelayProxy(server, sockets, calls);
    return proxy;
  }

  #count(way: "sent" | "received", byteCount: number): void {
    if (way === "sent") this.#sentBytes += byteCount;
    else this.#receivedBytes += byteCount;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** One way: what is sent later comes later, also when it waits for less. */
function createLine(): (ms: number, run: () => void) => void {
  const waiting: (() => void)[] = [];
  return (ms, run) => {
    if (ms === 0 && waiting.length === 0) return run();
    waiting.push(run);
    setTimeout(() => waiting.shift()?.(), ms);
  };
}
