/** HTTP/2 written by hand, for what no client would send. */
import * as net from "node:net";

/** RFC 9113 §6. */
export const FRAME = {
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_SIZE = 9;

/** One frame: size (3 bytes), type, flags, stream, payload. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_SIZE + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, HEAD_SIZE);
  return bytes;
}

/** The headers of a POST, in HPACK without a table: RFC 7541 §6. */
export function postHeaders(path: string): Buffer {
  const literal = (index: number, value: string): Buffer =>
    Buffer.concat([Buffer.of(index, value.length), Buffer.from(value, "latin1")]);
  const [methodPost, schemeHttp] = [0x83, 0x86];
  return Buffer.concat([Buffer.of(methodPost, schemeHttp), literal(4, path), literal(1, "x")]);
}

/** A connection that has said that it speaks HTTP/2. Its errors are nobody's. */
export function connectRaw(port: number): net.Socket {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(PREFACE);
  socket.write(frame(FRAME.settings, 0, 0, new Uint8Array(0)));
  return socket;
}
