/**
 * A TCP proxy on loopback that holds bytes for half a round-trip time each way, and counts them.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class DelayProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #sentBytes = 0;
  #receivedBytes = 0;

  private constructor(server: Server, sockets: Set<Socket>) {
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

  static async start(target: string, rttMs: number): Promise<DelayProxy> {
    const { hostname, port } = new URL(target);
    const sockets = new Set<Socket>();
    let proxy: DelayProxy | undefined;
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
      const upstream = connect({ host: hostname, port: Number(port), noDelay: true });
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from);
        from.on("data", (bytes) => {
          if (proxy !== undefined)
            proxy.#count(from === client ? "sent" : "received", bytes.length);
          later(rttMs / 2, () => to.write(bytes));
        });
        from.on("end", () => later(rttMs / 2, () => to.end()));
        from.on("error", () => to.destroy());
        from.on("close", () => sockets.delete(from));
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = new DelayProxy(server, sockets);
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

/** Timers of equal length fire in order, so the bytes stay in order. */
function later(ms: number, run: () => void): void {
  if (ms === 0) run();
  else setTimeout(run, ms);
}
