import type * as http2 from "node:http2";
import * as net from "node:net";
import * as tls from "node:tls";
import { Http2SessionManager } from "@connectrpc/connect-node";

/**
 * Bytes the server may send ahead on one connection; the default of 64 KiB waits a round trip
 * each.
 */
const CONNECTION_WINDOW_SIZE: number = 16 * 1024 * 1024;
/** Bytes the server may send ahead on one stream: one answer. */
const STREAM_WINDOW_SIZE: number = 8 * 1024 * 1024;
/**
 * MB of buffers a session may hold; Node's 10 ends streams under large uploads (4 parts of 8 MiB).
 */
const SESSION_MEMORY_MB = 128;

/** Connect's session manager with windows as wide as our answers. */
export class WideSessionManager extends Http2SessionManager {
  readonly #widened = new WeakSet<http2.Http2Session>();

  constructor(
    url: string,
    pingOptions: ConstructorParameters<typeof Http2SessionManager>[1],
    sessionOptions: http2.ClientSessionOptions,
  ) {
    super(url, pingOptions, {
      maxSessionMemory: SESSION_MEMORY_MB,
      ...sessionOptions,
      settings: { initialWindowSize: STREAM_WINDOW_SIZE },
    });
  }

  override async request(
    ...args: Parameters<Http2SessionManager["request"]>
  ): ReturnType<Http2SessionManager["request"]> {
    const stream = await super.request(...args);
    const { session } = stream;
    if (session !== undefined && !this.#widened.has(session)) {
      this.#widened.add(session);
      // Connect forgets its own listener when a request finds the session destroyed (a GOAWAY came
      // just now), and the error that is told a moment later would end the process.
      session.on("error", () => undefined);
      session.setLocalWindowSize(CONNECTION_WINDOW_SIZE);
    }
    return stream;
  }
}

/**
 * A socket to `http:` (cleartext, HTTP/2 at once) or `https:`.
 *
 * @param ca certificates to trust, in PEM, instead of those the system trusts
 */
export function openSocket(authority: URL, ca?: string): net.Socket {
  const host = authority.hostname.replace(/^\[|\]$/g, "");
  if (authority.protocol === "https:") {
    const port = Number(authority.port || 443);
    // An address is no server name: the certificate is checked against it all the same.
    const named = net.isIP(host) === 0 ? { servername: host } : {};
    return tls.connect({ host, port, ...named, ALPNProtocols: ["h2"], ...(ca && { ca }) });
  }
  return net.connect({ host, port: Number(authority.port || 80), noDelay: true });
}
