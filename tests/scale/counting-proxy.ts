/** A way to a server that counts what passes, and says when it was enough. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class CountingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  /** Bytes from and to clients since the last `reset`. */
  up = 0;
  down = 0;
  #alarm: { readonly bytes: number; readonly ring: () => void } | undefined;

  private constructor(target: string) {
    const { hostname, port } = new URL(target);
    this.#server = createServer((client) => {
      const server = connect(Number(port), hostname);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => {
          this.#sockets.delete(socket);
          client.destroy();
          server.destroy();
        });
      }
      client.on("data", (bytes) => this.#count(bytes.length, 0));
      server.on("data", (bytes) => this.#count(0, bytes.length));
      client.pipe(server);
      server.pipe(client);
    });
  }

  static async start(target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.#port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get bytes(): number {
    return this.up + this.down;
  }

  /** Counts from 0. `ring` is called once, when so many bytes have passed. */
  reset(bytes: number = Number.POSITIVE_INFINITY, ring: () => void = () => undefined): void {
    this.up = 0;
    this.down = 0;
    this.#alarm = { bytes, ring };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #count(up: number, down: number): void {
    this.up += up;
    this.down += down;
    const alarm = this.#alarm;
    if (alarm === undefined || this.bytes < alarm.bytes) return;
    this.#alarm = undefined;
    alarm.ring();
  }
}
