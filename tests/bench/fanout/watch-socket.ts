/**
 * One reader of `Watch` on a connection of its own, as a replica has, written by hand: a thousand
 * of them must not be what is measured. HTTP/1.1, an answer that ends with its connection.
 */
import * as net from "node:net";

const ENVELOPE_HEAD_SIZE = 5;
const PATH = "/graft.metastore.v1.MetastoreService/Watch";
const HEAD_END = "\r\n\r\n";

/** The first byte of an event: a heartbeat. */
const HEARTBEAT_TAG = 0x0a;

export interface WatchSocketHooks {
  onHeartbeat(): void;
  /** Anything else that the server tells: news, resync, end. */
  onNews(): void;
  onFailure(error: Error): void;
}

export class WatchSocket {
  readonly #socket: net.Socket;
  readonly #hooks: WatchSocketHooks;
  #hasHead = false;
  #bytes: Buffer = Buffer.alloc(0);

  /** @param request an encoded `WatchRequest` */
  constructor(port: number, request: Uint8Array, hooks: WatchSocketHooks) {
    this.#hooks = hooks;
    this.#socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("error", (error) => hooks.onFailure(error));
    this.#socket.on("end", () => hooks.onFailure(new Error("the server ended the stream")));
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.write(opening(request));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#hasHead || this.#takeHead()) this.#takeMessages();
  }

  #takeHead(): boolean {
    const end = this.#bytes.indexOf(HEAD_END);
    if (end === -1) return false;
    const head = this.#bytes.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 200 ") || /transfer-encoding/i.test(head)) {
      this.#hooks.onFailure(new Error(`the server answered\n${head}`));
    }
    this.#hasHead = true;
    this.#bytes = this.#bytes.subarray(end + HEAD_END.length);
    return true;
  }

  #takeMessages(): void {
    const bytes = this.#bytes;
    let at = 0;
    while (bytes.length - at >= ENVELOPE_HEAD_SIZE) {
      const end = at + ENVELOPE_HEAD_SIZE + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if ((bytes[at] ?? 0) > 1) this.#hooks.onFailure(new Error(bytes.toString("utf8", at + 5)));
      else if (bytes[at + ENVELOPE_HEAD_SIZE] === HEARTBEAT_TAG) this.#hooks.onHeartbeat();
      else this.#hooks.onNews();
      at = end;
    }
    this.#bytes = bytes.subarray(at);
  }
}

function opening(request: Uint8Array): Buffer {
  const envelope = Buffer.alloc(ENVELOPE_HEAD_SIZE);
  envelope.writeUInt32BE(request.length, 1);
  const lines = [
    `POST ${PATH} HTTP/1.1`,
    "host: 127.0.0.1",
    "content-type: application/connect+proto",
    "connect-protocol-version: 1",
    `content-length: ${ENVELOPE_HEAD_SIZE + request.length}`,
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n") + HEAD_END), envelope, request]);
}
