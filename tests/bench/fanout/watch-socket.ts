/**
 * One reader of `Watch` on an HTTP/2 connection of its own, as a replica has, written by hand: a
 * thousand of them must not be what is measured.
 */
import * as net from "node:net";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const FRAME_HEAD_SIZE = 9;
const FRAME_SIZE_MAX = 16_384;
const ENVELOPE_HEAD_SIZE = 5;
const WINDOW_MAX = 0x7fff_ffff;
const [DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE] = [0, 1, 3, 4, 6, 7, 8];
const [ACK, END_STREAM, END_HEADERS] = [1, 1, 4];

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
  #frames: Buffer = Buffer.alloc(0);
  #messages: Buffer = Buffer.alloc(0);

  /** @param request an encoded `WatchRequest` */
  constructor(port: number, request: Uint8Array, hooks: WatchSocketHooks) {
    this.#hooks = hooks;
    this.#socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("error", (error) => hooks.onFailure(error));
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.write(Buffer.concat([PREFACE, ...opening(request)]));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#frames.length === 0 ? chunk : Buffer.concat([this.#frames, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEAD_SIZE) {
      const size = bytes.readUIntBE(at, 3);
      const end = at + FRAME_HEAD_SIZE + size;
      if (end > bytes.length) break;
      this.#take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, bytes.subarray(at + FRAME_HEAD_SIZE, end));
      at = end;
    }
    this.#frames = bytes.subarray(at);
  }

  #take(type: number, flags: number, payload: Buffer): void {
    if (type === DATA) this.#takeData(payload);
    else if (type === SETTINGS && (flags & ACK) === 0) this.#socket.write(frame(SETTINGS, ACK, 0));
    else if (type === PING && (flags & ACK) === 0) {
      this.#socket.write(frame(PING, ACK, 0, payload));
    } else if (type === RESET || type === GOAWAY) {
      this.#hooks.onFailure(new Error(`the server ended the stream (frame type ${type})`));
    }
  }

  #takeData(payload: Buffer): void {
    const bytes = this.#messages.length === 0 ? payload : Buffer.concat([this.#messages, payload]);
    let at = 0;
    while (bytes.length - at >= ENVELOPE_HEAD_SIZE) {
      const end = at + ENVELOPE_HEAD_SIZE + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if ((bytes[at] ?? 0) > 1) this.#hooks.onFailure(new Error(bytes.toString("utf8", at + 5)));
      else if (bytes[at + ENVELOPE_HEAD_SIZE] === HEARTBEAT_TAG) this.#hooks.onHeartbeat();
      else this.#hooks.onNews();
      at = end;
    }
    this.#messages = bytes.subarray(at);
  }
}

/** Settings, a wide window, and the request. */
function opening(request: Uint8Array): readonly Buffer[] {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(4, 0);
  settings.writeUInt32BE(WINDOW_MAX, 2);
  const window = Buffer.alloc(4);
  window.writeUInt32BE(WINDOW_MAX - 65_535);
  const head = Buffer.alloc(ENVELOPE_HEAD_SIZE);
  head.writeUInt32BE(request.length, 1);
  const body = Buffer.concat([head, request]);
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += FRAME_SIZE_MAX) {
    const isLast = at + FRAME_SIZE_MAX >= body.length;
    const part = body.subarray(at, at + FRAME_SIZE_MAX);
    parts.push(frame(DATA, isLast ? END_STREAM : 0, 1, part));
  }
  return [
    frame(SETTINGS, 0, 0, settings),
    frame(WINDOW_UPDATE, 0, 0, window),
    frame(HEADERS, END_HEADERS, 1, headers()),
    ...parts,
  ];
}

/** HPACK without its tables: `POST`, `http`, then literals. */
function headers(): Buffer {
  const text = (value: string): Buffer => Buffer.from([value.length, ...Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]),
    text("/graft.metastore.v1.MetastoreService/Watch"),
    Buffer.from([0x01]),
    text("127.0.0.1"),
    Buffer.from([0x0f, 0x10]),
    text("application/connect+proto"),
    Buffer.from([0x00]),
    text("connect-protocol-version"),
    text("1"),
  ]);
}

function frame(type: number, flags: number, stream: number, payload?: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_SIZE);
  head.writeUIntBE(payload?.length ?? 0, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return payload === undefined ? head : Buffer.concat([head, payload]);
}
