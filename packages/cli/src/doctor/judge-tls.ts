/** From what a connection shows of itself to what a person should do. */
import { formatDuration } from "../format-units.ts";
import type { Judgement } from "./check.ts";

const DAY_MS = 86_400_000;
/** Certificates are renewed a month before they end; this is when somebody has to look. */
const EXPIRY_WARN_MS = 14 * DAY_MS;

/** What a TLS connection says of itself. */
export interface SeenTls {
  /** "TLSv1.3". */
  readonly protocol: string;
  /** Why it would not be trusted; undefined: it is. */
  readonly distrust: string | undefined;
  /** When the certificate ends, ms since 1970. */
  readonly validToMs: number;
}

export function judgeTls({ protocol, distrust, validToMs }: SeenTls, nowMs: number): Judgement {
  const leftMs = validToMs - nowMs;
  const values = { protocol, certificateLeftMs: leftMs };
  const left =
    leftMs > 0
      ? `valid for ${formatDuration(leftMs)} more`
      : `ended ${formatDuration(-leftMs)} ago`;
  const found = `${protocol}, certificate ${left}`;
  if (leftMs <= 0) {
    return { status: "fail", found, advice: "renew it; a server reads it again by itself", values };
  }
  if (distrust !== undefined) {
    const advice = "NODE_EXTRA_CA_CERTS names certificates to trust besides the usual ones";
    return { status: "fail", found: `${found}; not trusted: ${distrust}`, advice, values };
  }
  if (leftMs < EXPIRY_WARN_MS) {
    return { status: "warn", found, advice: "it ends within two weeks: renew it", values };
  }
  return { status: "ok", found, values };
}

/** A server that is spoken to without TLS. @param host of its URL */
export function judgeCleartext(host: string): Judgement {
  const isOwn = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);
  if (isOwn) return { status: "ok", found: "none, and none is needed on this machine" };
  const advice = "use https: --tls-cert and --tls-key, or a proxy in front";
  return { status: "warn", found: "none: tokens and pages can be read on the way", advice };
}
