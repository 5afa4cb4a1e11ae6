import { type EdgeOptions, parseEdgeConfig } from "@graft/rpc/node";
import type { Invocation } from "../command.ts";

/** `--tls-cert`, `--cors-origin`, `--limit-requests` and what goes with them. */
export function edgeValue({ values, switches, surroundings }: Invocation): EdgeOptions {
  return parseEdgeConfig({
    GRAFT_TLS_CERT: values.get("tls-cert"),
    GRAFT_TLS_KEY: values.get("tls-key"),
    GRAFT_CORS_ORIGIN: values.get("cors-origin"),
    GRAFT_LIMIT_REQUESTS: values.get("limit-requests"),
    GRAFT_LIMIT_BYTES: values.get("limit-bytes"),
    GRAFT_LIMIT_STREAMS: values.get("limit-streams"),
    GRAFT_VOLUME_BYTES_MAX: values.get("volume-bytes-max"),
    GRAFT_TRUST_PROXY: switches.has("trust-proxy")
      ? "1"
      : surroundings.environment.GRAFT_TRUST_PROXY,
  });
}
