import type { Socket } from "node:net";

/** What a client that speaks HTTP/2 at once sends first: RFC 9113 §3.4. */
const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Reads the first bytes of a connection, decides which protocol it speaks, and puts them back. A
 * connection that closes, fails or stays silent before that is dropped.
 */
export function detectProtocol(
  socket: Socket,
  silenceMs: number,
  onDetected: (protocol: "http1" | "http2") => void,
): void {
  let head: Uint8Array = new Uint8Array(0);
  const onSilence = () => socket.destroy();
  const onData = (chunk: Uint8Array) => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const verdict = judge(head);
    if (verdict === undefined) return;
    socket.off("data", onData).off("end", onSilence).off("timeout", onSilence);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(head);
    onDetected(verdict);
    // An HTTP/2 session reads what was put back by itself; HTTP/1.1 listens for it.
    if (verdict === "http1") socket.resume();
  };
  socket.on("data", onData).once("end", onSilence).once("timeout", onSilence);
  socket.setTimeout(silenceMs);
}

/** Undefined: too few bytes to tell. */
function judge(head: Uint8Array): "http1" | "http2" | undefined {
  const size = Math.min(head.length, PREFACE.length);
  for (let at = 0; at < size; at++) if (head[at] !== PREFACE[at]) return "http1";
  return size === PREFACE.length ? "http2" : undefined;
}
