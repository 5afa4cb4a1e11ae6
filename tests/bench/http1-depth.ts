/**
 * Reads one way of an HTTP/1.1 connection: where messages begin and where they end, by their heads
 * alone. What follows an upgrade to another protocol is let pass unread.
 */
export interface Http1Message {
  /** "GET /x HTTP/1.1", or "HTTP/1.1 200 OK". */
  readonly firstLine: string;
}

export interface Http1Reader {
  read(bytes: Uint8Array): void;
  /** The connection has ended: so has a body without a length. */
  end(): void;
}

interface Http1Means {
  /** Whether the message has no body whatever its head says. */
  readonly isBodiless: (message: Http1Message) => boolean;
  /** Whether a body without a length goes on to the end of the connection. */
  readonly mayBeOpenEnded: boolean;
  readonly onHead: (message: Http1Message) => void;
  readonly onEnd: (message: Http1Message) => void;
}

type Body =
  | { readonly kind: "sized"; left: number }
  | { readonly kind: "chunked"; left: number; line: string; isLast: boolean }
  | { readonly kind: "open" };

const HEAD_SIZE_MAX = 64 * 1024;

export function createHttp1Reader({ onHead, onEnd, ...means }: Http1Means): Http1Reader {
  let head = "";
  let message: Http1Message | undefined;
  let body: Body | undefined;
  let isBlind = false;
  const finish = (): void => {
    const ended = message;
    message = undefined;
    body = undefined;
    if (ended !== undefined) onEnd(ended);
  };
  const begin = (): void => {
    const lines = head.split("\r\n");
    const headers = lines.slice(1).map((line) => line.toLowerCase());
    head = "";
    message = { firstLine: lines[0] ?? "" };
    isBlind = headers.some((line) => line.startsWith("upgrade:") && !line.includes("h2c"));
    onHead(message);
    body = means.isBodiless(message)
      ? { kind: "sized", left: 0 }
      : bodyOf(headers, means.mayBeOpenEnded);
    if (body.kind === "sized" && body.left === 0) finish();
  };
  return {
    read(bytes) {
      for (let at = 0; at < bytes.length && !isBlind; ) {
        if (body !== undefined) {
          at += skipBody(body, bytes, at);
          if (hasEnded(body)) finish();
          continue;
        }
        head += String.fromCharCode(bytes[at++] ?? 0);
        if (head === "\r\n") head = "";
        if (head.endsWith("\r\n\r\n")) begin();
        if (head.length > HEAD_SIZE_MAX) isBlind = true;
      }
    },
    end() {
      if (body?.kind === "open") finish();
    },
  };
}

function bodyOf(headers: readonly string[], mayBeOpenEnded: boolean): Body {
  const headerOf = (name: string): string | undefined =>
    headers
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  if (headerOf("transfer-encoding")?.includes("chunked") === true) {
    return { kind: "chunked", left: 0, line: "", isLast: false };
  }
  const length = headerOf("content-length");
  if (length === undefined && mayBeOpenEnded) return { kind: "open" };
  return { kind: "sized", left: Number(length ?? 0) };
}

/** @returns how many bytes were taken, at least one */
function skipBody(body: Body, bytes: Uint8Array, at: number): number {
  if (body.kind === "open") return bytes.length - at;
  if (body.left > 0) {
    const taken = Math.min(body.left, bytes.length - at);
    body.left -= taken;
    return taken;
  }
  if (body.kind === "chunked") readChunkLine(body, String.fromCharCode(bytes[at] ?? 0));
  return 1;
}

/** A line between chunks: empty after one, the size before one, trailers after the last. */
function readChunkLine(body: Extract<Body, { kind: "chunked" }>, char: string): void {
  if (char !== "\n") {
    body.line += char;
    return;
  }
  const line = body.line.trim();
  body.line = "";
  if (body.isLast) body.left = line === "" ? Number.NaN : 0;
  else if (line !== "") {
    body.left = Number.parseInt(line, 16);
    body.isLast = body.left === 0;
  }
}

function hasEnded(body: Body): boolean {
  if (body.kind === "sized") return body.left === 0;
  return body.kind === "chunked" && Number.isNaN(body.left);
}
