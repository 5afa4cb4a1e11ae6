/**
 * A TCP way to a server that goes bad when it is told to: connections are cut, stall, slow down,
 * lose what is on its way to one side, or stay open on one side while the other is gone.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Nobody tells the side that is left: some day the way itself forgets the connection. */
const HALF_OPEN_MS_MAX = 8_000;

/**
 * - `cut`: every connection is reset.
 * - `stall`: nothing passes for a while; then all of it does.
 * - `delay`: each piece of data is late for a while.
 * - `lost answers`: what the server answers to requests under way is lost, and the connection cut.
 * - `half-open`: the server's side is gone, the client is not told.
 */
export type Fault = "cut" | "stall" | "delay" | "lost answers" | "half-open";

export const FAULTS: readonly Fault[] = ["cut", "stall", "delay", "lost answers", "half-open"];

export interface FaultProxyOptions {
  /** Asked for each new connection. Undefined: nobody is there, the connection is reset. */
  readonly target: () => string | undefined;
  /** Connections that are silent for so long, ms, are cut. Default: never. */
  readonly idleMsMax?: number | undefined;
}

export class FaultProxy implements AsyncDisposable {
  readonly #target: () => string | undefined;
  readonly #idleMsMax: number | undefined;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #delayMs = 0;
  #isStalled = false;
  #acceptedCount = 0;

  private constructor({ target, idleMsMax }: FaultProxyOptions) {
    this.#target = target;
    this.#idleMsMax = idleMsMax;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that were tried so far. */
  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  /** Begins a fault; those that last are over after `ms`. */
  inject(fault: Fault, ms: number): void {
    switch (fault) {
      case "cut":
        for (const link of this.#links) link.cut();
        return;
      case "lost answers":
        for (const link of this.#links) link.loseAnswers();
        return;
      case "half-open":
        for (const link of this.#links) link.loseServer();
        return;
      case "stall":
        this.#setStalled(true);
        setTimeout(() => this.#setStalled(false), ms);
        return;
      case "delay":
        this.#delayMs = Math.min(ms, 200);
        setTimeout(() => (this.#delayMs = 0), ms);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const link of this.#links) link.cut();
    await closed;
  }

  #accept(client: Socket): void {
    this.#acceptedCount++;
    const target = this.#target();
    if (target === undefined) {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, target, () => this.#delayMs);
    link.setStalled(this.#isStalled);
    this.#links.add(link);
    link.onEnd = () => this.#links.delete(link);
    client.setTimeout(this.#idleMsMax ?? 0, () => link.cut());
  }

  #setStalled(isStalled: boolean): void {
    this.#isStalled = isStalled;
    for (const link of this.#links) link.setStalled(isStalled);
  }
}

/** One connection through the proxy: a socket to each side. */
class Link {
  onEnd: () => void = () => undefined;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #delayMs: () => number;
  #losesAnswers = false;
  #isServerLost = false;
  #isStalled = false;

  constructor(client: Socket, target: string, delayMs: () => number) {
    const { hostname, port } = new URL(target);
    this.#client = client;
    this.#server = connect({ port: Number(port), host: hostname, noDelay: true });
    this.#delayMs = delayMs;
    this.#forward(client, this.#server);
    this.#forward(this.#server, client);
    client.on("close", () => this.#end());
    this.#server.on("close", () => {
      if (!this.#isServerLost) this.#end();
    });
  }

  cut(): void {
    if (!this.#client.destroyed) this.#client.resetAndDestroy();
    if (!this.#server.destroyed) this.#server.resetAndDestroy();
  }

  loseAnswers(): void {
    this.#losesAnswers = true;
  }

  loseServer(): void {
    this.#isServerLost = true;
    if (!this.#server.destroyed) this.#server.resetAndDestroy();
    setTimeout(() => this.cut(), HALF_OPEN_MS_MAX);
  }

  setStalled(isStalled: boolean): void {
    this.#isStalled = isStalled;
    for (const socket of [this.#client, this.#server]) {
      if (isStalled) socket.pause();
      else socket.resume();
    }
  }

  #resume(socket: Socket): void {
    if (!this.#isStalled) socket.resume();
  }

  #end(): void {
    this.cut();
    this.onEnd();
  }

  #forward(from: Socket, to: Socket): void {
    from.on("error", () => from.destroy());
    from.on("data", (bytes) => {
      if (from === this.#server && this.#losesAnswers) this.cut();
      else this.#pass(bytes, from, to);
    });
    from.on("end", () => {
      if (!to.destroyed && !this.#isServerLost) to.end();
    });
    to.on("drain", () => this.#resume(from));
  }

  #pass(bytes: string | Uint8Array, from: Socket, to: Socket): void {
    const delayMs = this.#delayMs();
    const write = (): void => {
      if (!to.destroyed && !to.write(bytes)) from.pause();
    };
    if (delayMs === 0) write();
    else {
      // One piece after the other: nothing overtakes what is late.
      from.pause();
      setTimeout(() => {
        this.#resume(from);
        write();
      }, delayMs);
    }
  }
}
