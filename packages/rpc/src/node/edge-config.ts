import { GraftError } from "@graft/core";
import type { CallerLimits } from "./caller-limits.ts";
import { type CertificateSource, certificateFiles } from "./certificate-files.ts";
import type { EdgeOptions } from "./edge.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment:
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | `GRAFT_TLS_CERT`, `GRAFT_TLS_KEY` | – | files in PEM: the server speaks TLS; both or neither |
 * | `GRAFT_CORS_ORIGIN` | – | origins whose pages may call, separated by commas; `*` for all |
 * | `GRAFT_LIMIT_REQUESTS` | – | calls a second, of a token and of an address |
 * | `GRAFT_LIMIT_BYTES` | – | bytes a second, likewise |
 * | `GRAFT_LIMIT_STREAMS` | – | calls open at once, likewise |
 * | `GRAFT_VOLUME_BYTES_MAX` | – | bytes of pages that a volume may have |
 * | `GRAFT_TRUST_PROXY` | – | 1: the address of a caller is the last one in `x-forwarded-for` |
 *
 * @throws GraftError `invalid-argument` naming the variable
 */
export function parseEdgeConfig(env: Environment): EdgeOptions {
  const proxy = env.GRAFT_TRUST_PROXY || "0";
  if (proxy !== "0" && proxy !== "1") throw invalid("GRAFT_TRUST_PROXY", proxy, "1 or 0");
  return {
    certificate: parseCertificate(env),
    corsOrigins: (env.GRAFT_CORS_ORIGIN ?? "")
      .split(",")
      .map((origin) => origin.trim())
      .filter((origin) => origin !== "")
      .map(parseOrigin),
    limits: parseLimits(env),
    volumeBytesMax: parseLimit(env, "GRAFT_VOLUME_BYTES_MAX"),
    trustsProxy: proxy === "1",
  };
}

function parseCertificate(env: Environment): CertificateSource | undefined {
  const { GRAFT_TLS_CERT: cert = "", GRAFT_TLS_KEY: key = "" } = env;
  if (cert === "" && key === "") return undefined;
  if (cert === "") throw invalid("GRAFT_TLS_CERT", cert, "a file, as GRAFT_TLS_KEY is set");
  if (key === "") throw invalid("GRAFT_TLS_KEY", key, "a file, as GRAFT_TLS_CERT is set");
  return certificateFiles({ cert, key });
}

/** As browsers send it: without a path, without the port that goes without saying. */
function parseOrigin(text: string): string {
  if (text === "*") return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.origin === text.replace(/\/$/, "")) return url.origin;
  throw invalid("GRAFT_CORS_ORIGIN", text, "an origin, such as https://app.example");
}

function parseLimits(env: Environment): CallerLimits | undefined {
  const limits = {
    requestsPerSecond: parseLimit(env, "GRAFT_LIMIT_REQUESTS"),
    bytesPerSecond: parseLimit(env, "GRAFT_LIMIT_BYTES"),
    openCalls: parseLimit(env, "GRAFT_LIMIT_STREAMS"),
  };
  return Object.values(limits).every((limit) => limit === undefined) ? undefined : limits;
}

function parseLimit(env: Environment, name: string): number | undefined {
  const text = env[name] ?? "";
  if (text === "") return undefined;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw invalid(name, text, "a whole number, 1 or more");
}

function invalid(name: string, value: string, expected: string): GraftError {
  return new GraftError("invalid-argument", `${name} is "${value}": expected ${expected}`);
}
