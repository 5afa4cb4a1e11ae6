/**
 * A client's way to a server, over which one request goes at a time on each connection: it counts
 * connections and requests by path, and can lose what one of them asks or is answered.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * How the next request to a path is lost: in the middle, or when the server has answered; or the
 * answer, and nobody is there from then on.
 */
export type Loss = "request" | "answer" | "answer, for good";

const REQUEST_LINE = /^POST (\S+) HTTP\/1\.1\r\n/;

export class WatchedWay implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: () => string | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #requests = new Map<string, number>();
  readonly #losses = new Map<string, Loss>();
  #connectionCount = 0;
  #isGone = false;
  /** The heads of answers, as they came. */
  readonly heads: string[] = [];

  private constructor(target: () => string | undefined) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  /** @param target asked for each new connection; undefined: nobody is there */
  static async start(target: () => string | undefined): Promise<WatchedWay> {
    const way = new WatchedWay(target);
    way.#server.listen(0, "127.0.0.1");
    await once(way.#server, "listening");
    return way;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  /** Requests to a path so far; of all paths without one. */
  requestCount(path?: string): number {
    if (path !== undefined) return this.#requests.get(path) ?? 0;
    return this.#requests.values().reduce((sum, count) => sum + count, 0);
  }

  /** Loses the next request to a path, and cuts its connection. */
  loseNext(path: string, loss: Loss): void {
    this.#losses.set(path, loss);
  }

  /** True when nobody is there any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** The server can be reached again. */
  mend(): void {
    this.#isGone = false;
  }

  /** True when nothing is left to be lost. */
  get hasLost(): boolean {
    return this.#losses.size === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.#connectionCount++;
    const target = this.#isGone ? undefined : this.#target();
    if (target === undefined) {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const { hostname, port } = new URL(target);
    const server = connect({ host: hostname, port: Number(port), noDelay: true });
    const ends = [client, server];
    for (const socket of ends) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        for (const end of ends) end.destroy();
      });
    }
    let losing: Loss | undefined;
    client.on("data", (bytes: Uint8Array) => {
      losing = this.#noteRequest(bytes) ?? losing;
      if (losing !== "request") server.write(bytes);
      // In the middle: the server has seen that something comes.
      else server.write(bytes.subarray(0, bytes.length / 2), () => client.resetAndDestroy());
    });
    server.on("data", (bytes: Uint8Array) => {
      this.#noteAnswer(bytes);
      if (losing === "answer, for good") this.#isGone = true;
      if (losing === undefined) client.write(bytes);
      else client.resetAndDestroy();
    });
  }

  /** A client of this protocol waits for its answer: a request begins where data begins. */
  #noteRequest(bytes: Uint8Array): Loss | undefined {
    const [, path] =
      REQUEST_LINE.exec(Buffer.from(bytes.subarray(0, 200)).toString("latin1")) ?? [];
    if (path === undefined) return undefined;
    this.#requests.set(path, this.requestCount(path) + 1);
    const loss = this.#losses.get(path);
    this.#losses.delete(path);
    return loss;
  }

  #noteAnswer(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.subarray(0, 2000)).toString("latin1");
    if (text.startsWith("HTTP/1.1 ")) this.heads.push(text.slice(0, text.indexOf("\r\n\r\n")));
  }
}
