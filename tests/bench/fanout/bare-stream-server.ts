/**
 * The yardstick: a bare `node:http` server in a process of its own that writes the same bytes to
 * all its streams when it is told to. Run as a program it is that process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

/** An event in its envelope: a heartbeat, as the hand-written clients know it. */
const HEARTBEAT = Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]);
/** The first byte of an event that is none. */
const NEWS_TAG = 0x12;

export class BareStreamServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** @param size bytes of an event */
  static async start(size: number): Promise<BareStreamServer> {
    const child = fork(fileURLToPath(import.meta.url), [String(size)], { stdio: "inherit" });
    const [port] = (await once(child, "message")) as [number];
    return new BareStreamServer(child, port);
  }

  /** Writes one event to every stream. */
  tell(): void {
    this.#child.send("tell");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, "exit");
    }
  }
}

if (import.meta.main) {
  process.once("disconnect", () => process.exit());
  serve(Number(process.argv[2]));
}

function serve(size: number): void {
  const event = Buffer.alloc(5 + size, NEWS_TAG);
  event[0] = 0;
  event.writeUInt32BE(size, 1);
  const streams: http.ServerResponse[] = [];
  const server = http.createServer((request, response) => {
    request.resume().once("end", () => {
      response.setHeader("connection", "close").removeHeader("transfer-encoding");
      response.writeHead(200, { "content-type": "application/connect+proto" });
      response.write(HEARTBEAT);
      streams.push(response);
    });
  });
  process.on("message", () => {
    for (const stream of streams) stream.write(event);
  });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}
