/**
 * Clients that ask again as soon as they were answered, each on a connection of its own: HTTP/1.1,
 * written by hand, so that the machine is busy with the server and not with them.
 */
import * as net from "node:net";

/** What is sent, and how it is marked. */
export interface LoadRequest {
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** How long is measured: rounds, and of each round every subject so long. */
export interface Pace {
  readonly rounds: number;
  readonly durationMs: number;
}

export interface LoadOptions {
  readonly port: number;
  readonly clients: number;
  readonly durationMs: number;
  /** The next request of a client, made when its last one was answered. */
  readonly next: (client: number) => LoadRequest;
}

/** Calls answered a second, by all clients together. Any answer but a 200 ends it. */
export async function callsASecond(options: LoadOptions): Promise<number> {
  const sockets = await Promise.all(
    Array.from({ length: options.clients }, () => connect(options.port)),
  );
  const start = performance.now();
  const endMs = start + options.durationMs;
  const counts = await Promise.all(
    sockets.map((socket, client) => ask(socket, endMs, () => options.next(client))),
  );
  const seconds = (performance.now() - start) / 1000;
  for (const socket of sockets) socket.destroy();
  return counts.reduce((sum, count) => sum + count, 0) / seconds;
}

/** One call; its answer's body. */
export async function callOnce(port: number, request: LoadRequest): Promise<Uint8Array> {
  const { path, contentType, body } = request;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": contentType },
    body: new Uint8Array(body),
  });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (answer.status === 200) return bytes;
  throw new Error(`${path} was answered ${answer.status}: ${new TextDecoder().decode(bytes)}`);
}

async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  return socket;
}

function ask(socket: net.Socket, endMs: number, next: () => LoadRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    let answer = new AnswerReader();
    const send = (): void => {
      answer = new AnswerReader();
      socket.write(encode(next()));
    };
    socket.on("error", reject).on("close", () => reject(new Error("the server hung up")));
    socket.on("data", (chunk: Buffer) => {
      try {
        if (!answer.isWholeWith(chunk)) return;
      } catch (error) {
        return reject(error);
      }
      count++;
      if (performance.now() < endMs) send();
      else resolve(count);
    });
    send();
  });
}

function encode({ path, contentType, body }: LoadRequest): Uint8Array {
  const head =
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${contentType}\r\n` +
    `content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** Counts the bytes of one answer; of its content only what an error says is looked at. */
class AnswerReader {
  #head = "";
  /** Bytes of body still to come; undefined: the head is not whole, or the body is in chunks. */
  #rest: number | undefined;
  #isChunked = false;

  isWholeWith(chunk: Buffer): boolean {
    if (this.#rest !== undefined) {
      this.#rest -= chunk.length;
      return this.#rest <= 0;
    }
    if (this.#isChunked) return chunk.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
    this.#head += chunk.toString("latin1");
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const head = this.#head.slice(0, end).toLowerCase();
    if (!head.startsWith("http/1.1 200")) throw new Error(`expected a 200, got ${this.#head}`);
    const size = /\r\ncontent-length: ([0-9]+)/.exec(head)?.[1];
    this.#isChunked = size === undefined;
    if (size === undefined) return this.#head.endsWith("0\r\n\r\n");
    this.#rest = Number(size) - (this.#head.length - end - 4);
    return this.#rest <= 0;
  }
}
