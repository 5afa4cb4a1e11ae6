/** One request in any of the ways that the port speaks, and what came back. */
import * as http from "node:http";
import * as http2 from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { isGraftErrorCode } from "@graft/core";
import { ErrorDetailSchema } from "@graft/proto-gen/common";

export type Framing = "connect" | "connect-json" | "grpc" | "grpc-web" | "raw";

/** What a server said of a request. */
export interface RpcAnswer {
  readonly isAccepted: boolean;
  /** A code of Connect, or the number of one of gRPC. Undefined when it was accepted. */
  readonly code: string | undefined;
  readonly message: string;
  /** The message of an accepted unary call. */
  readonly body: Uint8Array;
}

const CONTENT_TYPES: Readonly<Record<Framing, string>> = {
  connect: "application/proto",
  "connect-json": "application/json",
  grpc: "application/grpc+proto",
  "grpc-web": "application/grpc-web+proto",
  raw: "application/x-protobuf",
};
/** Streams that never end are left after so long. */
const STREAM_MS = 25;
const ENVELOPE_SIZE = 5;

/** The five bytes in front of a message in a stream, in gRPC and in gRPC-Web. */
export function envelope(
  message: Uint8Array,
  flags = 0,
  size: number = message.length,
): Uint8Array {
  const bytes = new Uint8Array(ENVELOPE_SIZE + message.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, size);
  bytes.set(message, ENVELOPE_SIZE);
  return bytes;
}

/** Keeps connections open between calls. */
export class RpcCaller implements Disposable {
  readonly #url: URL;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  #session: http2.ClientHttp2Session | undefined;

  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** @param body as it goes over the wire, envelope included */
  async call(
    path: string,
    framing: Framing,
    body: Uint8Array,
    options: { readonly isStream?: boolean; readonly headers?: http.OutgoingHttpHeaders } = {},
  ): Promise<RpcAnswer> {
    const isStream = options.isStream === true;
    const type = contentType(framing, isStream);
    const headers = { "content-type": type, ...versionOf(framing), ...options.headers };
    return framing === "grpc"
      ? this.#overHttp2(path, headers, body, isStream)
      : this.#overHttp1(path, framing, headers, body, isStream);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
    this.#session?.destroy();
  }

  #overHttp1(
    path: string,
    framing: Framing,
    headers: http.OutgoingHttpHeaders,
    body: Uint8Array,
    isStream: boolean,
  ): Promise<RpcAnswer> {
    const { hostname, port } = this.#url;
    return new Promise((resolve, reject) => {
      const options = { hostname, port, path, method: "POST", agent: this.#agent };
      const request = http.request({ ...options, headers }, (response) => {
        collect(response, isStream, () => request.destroy()).then((bytes) => {
          resolve(readAnswer(framing, response.statusCode ?? 0, response.headers, bytes, isStream));
        }, reject);
      });
      request.on("error", reject);
      request.end(body);
    });
  }

  #overHttp2(
    path: string,
    headers: http.OutgoingHttpHeaders,
    body: Uint8Array,
    isStream: boolean,
  ): Promise<RpcAnswer> {
    if (this.#session === undefined || this.#session.destroyed) {
      this.#session = http2.connect(this.#url);
      this.#session.on("error", () => undefined);
    }
    const stream = this.#session.request({
      ":path": path,
      ":method": "POST",
      te: "trailers",
      ...headers,
    });
    return new Promise((resolve, reject) => {
      let status: http2.IncomingHttpHeaders = {};
      const note = (seen: http2.IncomingHttpHeaders): void => {
        status = { ...status, ...seen };
      };
      stream.on("response", note);
      stream.on("trailers", note);
      stream.on("error", reject);
      collect(stream, isStream, () => stream.close(http2.constants.NGHTTP2_CANCEL)).then(
        (bytes) => {
          const code = status["grpc-status"];
          const isLeft = isStream && code === undefined;
          const isAccepted = code === "0" || isLeft;
          const message = String(status["grpc-message"] ?? "");
          resolve({
            isAccepted,
            code: isAccepted ? undefined : String(code),
            message: decodeURIComponent(message),
            body: bytes.subarray(ENVELOPE_SIZE),
          });
        },
        reject,
      );
      stream.end(body);
    });
  }
}

function contentType(framing: Framing, isStream: boolean): string {
  if (!isStream) return CONTENT_TYPES[framing];
  if (framing === "connect") return "application/connect+proto";
  return framing === "connect-json" ? "application/connect+json" : CONTENT_TYPES[framing];
}

function versionOf(framing: Framing): http.OutgoingHttpHeaders {
  return framing === "raw" ? {} : { "connect-protocol-version": "1" };
}

/** All bytes, or what has come of a stream by then. */
async function collect(
  stream: AsyncIterable<Uint8Array>,
  isStream: boolean,
  leave: () => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const timer = isStream ? setTimeout(leave, STREAM_MS) : undefined;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    if (!isStream) throw error;
  } finally {
    clearTimeout(timer);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function readAnswer(
  framing: Framing,
  status: number,
  headers: http.IncomingHttpHeaders,
  body: Uint8Array,
  isStream: boolean,
): RpcAnswer {
  if (framing === "raw") return rawAnswer(status, headers, body);
  if (framing === "grpc-web") return webAnswer(headers, body, isStream);
  if (isStream) return streamAnswer(body);
  if (status === 200) return { isAccepted: true, code: undefined, message: "", body };
  return { isAccepted: false, ...readConnectError(body, status), body };
}

function rawAnswer(status: number, headers: http.IncomingHttpHeaders, body: Uint8Array): RpcAnswer {
  if (headers["content-type"] !== CONTENT_TYPES.raw) throw new Error(`status ${status} of no type`);
  const isAccepted = status === 200;
  return { isAccepted, code: isAccepted ? undefined : String(status), message: "", body };
}

/** The last envelope of Connect's streams is JSON, and says how it ended. */
function streamAnswer(body: Uint8Array): RpcAnswer {
  for (let at = 0; at + ENVELOPE_SIZE <= body.length; ) {
    const size = new DataView(body.buffer, body.byteOffset).getUint32(at + 1);
    const content = body.subarray(at + ENVELOPE_SIZE, at + ENVELOPE_SIZE + size);
    if (((body[at] ?? 0) & 2) !== 0) {
      const end = JSON.parse(new TextDecoder().decode(content)) as { error?: unknown };
      if (end.error === undefined) break;
      const error = readConnectError(new TextEncoder().encode(JSON.stringify(end.error)), 200);
      return { isAccepted: false, ...error, body };
    }
    at += ENVELOPE_SIZE + size;
  }
  return { isAccepted: true, code: undefined, message: "", body };
}

/** Trailers stand in the last envelope, or among the headers when there is no body. */
function webAnswer(
  headers: http.IncomingHttpHeaders,
  body: Uint8Array,
  isStream: boolean,
): RpcAnswer {
  const text = new TextDecoder("latin1").decode(body);
  const code = headers["grpc-status"] ?? /grpc-status: ?(\d+)/i.exec(text)?.[1];
  const isAccepted = code === "0" || (isStream && code === undefined);
  const message = headers["grpc-message"] ?? /grpc-message: ?([^\r\n]*)/i.exec(text)?.[1] ?? "";
  const shown = decodeURIComponent(String(message));
  return { isAccepted, code: isAccepted ? undefined : String(code), message: shown, body };
}

interface ConnectErrorBody {
  readonly code?: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

/** @throws when the error is of no code, or its detail of none of the manual */
function readConnectError(
  body: Uint8Array,
  status: number,
): { readonly code: string; readonly message: string } {
  const text = new TextDecoder().decode(body);
  if (status === 415 || status === 405) return { code: String(status), message: text };
  const { code, message = "", details = [] } = JSON.parse(text) as ConnectErrorBody;
  if (code === undefined) throw new Error(`status ${status} without a code: ${text}`);
  const detail = details.find(({ type }) => type === ErrorDetailSchema.typeName);
  if (detail !== undefined) {
    const known = fromBinary(ErrorDetailSchema, Buffer.from(detail.value, "base64")).code;
    if (!isGraftErrorCode(known)) throw new Error(`"${known}" is no code of the manual`);
  }
  return { code, message };
}
