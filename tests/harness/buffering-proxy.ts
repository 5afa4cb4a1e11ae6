/**
 * A proxy of the kind that breaks streams: it speaks HTTP/1.1, and holds an answer back until it
 * has all of it.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, request as send } from "node:http";
import type { AddressInfo } from "node:net";

export class BufferingProxy implements AsyncDisposable {
  readonly #server: Server;

  private constructor(target: string) {
    this.#server = createServer((incoming, outgoing) => {
      const { method, url = "/", headers } = incoming;
      const upstream = send(new URL(url, target), { method, headers }, (answer) => {
        const { statusCode = 502, headers } = answer;
        wholeOf(answer).then(
          (body) => outgoing.writeHead(statusCode, headers).end(body),
          () => outgoing.destroy(),
        );
      });
      upstream.on("error", () => outgoing.destroy());
      outgoing.on("close", () => upstream.destroy());
      incoming.pipe(upstream);
    });
  }

  static async start(target: string): Promise<BufferingProxy> {
    const proxy = new BufferingProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function wholeOf(answer: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of answer) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}
