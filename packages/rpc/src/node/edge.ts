/** How a server meets a network that it does not trust. All of it is off by default. */
import type { CallerLimits } from "./caller-limits.ts";
import type { CertificateSource } from "./certificate-files.ts";

export interface EdgeOptions {
  /** Speaks TLS, and nothing else. Default: cleartext, for a proxy in front or for loopback. */
  readonly certificate?: CertificateSource | undefined;
  /** Origins whose pages may call: "https://app.example", or "*" for all. Default: none. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** What one token, and one address, may do. Default: whatever there is room for. */
  readonly limits?: CallerLimits | undefined;
  /** Bytes of pages that a volume may have, up to its last one. Default: what the format holds. */
  readonly volumeBytesMax?: number | undefined;
  /**
   * Takes the address of a caller from the last entry of `x-forwarded-for`, which a proxy in front
   * must set. Default: the address of the connection.
   */
  readonly trustsProxy?: boolean | undefined;
}
