/** How a server's connection is protected: its certificate, and whether it is trusted here. */
import { connect } from "node:tls";
import { type Clock, GraftError } from "@graft/core";
import type { Check } from "./check.ts";
import { withDeadline } from "./deadline.ts";
import { judgeFailure } from "./judge.ts";
import { judgeCleartext, judgeTls, type SeenTls } from "./judge-tls.ts";

const TIMEOUT_MS = 5_000;
const HTTPS_PORT = 443;

/** Looks at the connection to a server. */
export async function examineTls(
  url: string,
  means: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Check> {
  const about = { name: "server TLS", target: url };
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "https:") return { ...about, ...judgeCleartext(hostname) };
  try {
    const place = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || HTTPS_PORT) };
    const seen = await withDeadline(url, TIMEOUT_MS, means, (signal) => look(place, signal));
    return { ...about, ...judgeTls(seen, means.clock.nowMs()) };
  } catch (error) {
    means.signal.throwIfAborted();
    return { ...about, ...judgeFailure(error) };
  }
}

/** Connects, whatever the certificate is, and sends nothing. */
function look(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<SeenTls> {
  return new Promise((resolve, reject) => {
    const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    const socket = connect({ host, port, ...servername, rejectUnauthorized: false }, () => {
      const { valid_to: validTo } = socket.getPeerCertificate();
      const distrust = socket.authorized ? undefined : String(socket.authorizationError);
      const protocol = socket.getProtocol() ?? "TLS";
      resolve({ protocol, distrust, validToMs: Date.parse(validTo) });
      socket.destroy();
    });
    signal.addEventListener("abort", () => socket.destroy(signal.reason), { once: true });
    socket.once("error", (cause) => {
      const message = `no TLS connection: ${cause.message}`;
      reject(new GraftError("unavailable", message, { cause }));
    });
  });
}
