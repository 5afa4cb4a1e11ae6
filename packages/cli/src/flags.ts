import type { Flag } from "./command.ts";

/** Where `graft start` serves, and where commands look without `--url`. */
export const URL_DEFAULT = "http://127.0.0.1:3000";
/** Where replicas are kept without `--path`. */
export const PATH_DEFAULT = "./graft-data";

export const JSON_FLAG: Flag = {
  name: "json",
  help: "one JSON object, or one JSON row a line, on stdout; everything else on stderr",
};

export const URL_FLAG: Flag = {
  name: "url",
  value: "URL",
  help: "the server",
  environment: "GRAFT_URL",
  fallback: URL_DEFAULT,
};

export const PAGESTORE_URL_FLAG: Flag = {
  name: "pagestore-url",
  value: "URL",
  help: "the PageStore, where it is another server than the MetaStore",
  environment: "GRAFT_PAGESTORE_URL",
  fallback: "the server",
};

const PATH_FLAG: Flag = {
  name: "path",
  value: "DATA_DIR",
  help: "where replicas are kept",
  environment: "GRAFT_PATH",
  fallback: PATH_DEFAULT,
};

/** Sent by clients. */
export const TOKEN_FLAG: Flag = {
  name: "token",
  value: "TOKEN",
  help: "sent with every request",
  environment: "GRAFT_TOKEN",
};

/** Of what makes or serves calls. */
const OTLP_FLAG: Flag = {
  name: "otlp",
  value: "URL",
  help: "an OpenTelemetry collector that is sent traces, OTLP over HTTP",
  environment: "OTEL_EXPORTER_OTLP_ENDPOINT",
};

/** Flags of every command that works on a replica. */
export const REPLICA_FLAGS: readonly Flag[] = [
  URL_FLAG,
  PAGESTORE_URL_FLAG,
  PATH_FLAG,
  TOKEN_FLAG,
  OTLP_FLAG,
  JSON_FLAG,
];

export const TAG_FLAG: Flag = {
  name: "tag",
  value: "NAME",
  help: "what the replica is called here",
};

/** Of a server that commits. */
export const NOTIFY_FLAG: Flag = {
  name: "notify",
  value: "none|probe|nats://…",
  help: "how it learns of other MetaStores of its store; none: there is no other",
  environment: "GRAFT_NOTIFY",
  fallback: "none",
};

/** How a server knows its callers. */
export const GUARD_FLAGS: readonly Flag[] = [
  {
    name: "token-keys",
    value: "FILE",
    help: "keys of tokens, one a line, read again when it changes; or the keys in GRAFT_TOKEN_KEYS",
    environment: "GRAFT_TOKEN_KEYS_FILE",
  },
  {
    name: "jwks",
    value: "URL",
    help: "keys of an identity provider, whose JWTs are accepted",
    environment: "GRAFT_JWKS",
  },
  {
    name: "jwt-audience",
    value: "NAME",
    help: "whom its JWTs have to be made for; several: separated by commas",
    environment: "GRAFT_JWT_AUDIENCE",
  },
  {
    name: "jwt-issuer",
    value: "NAME",
    help: "who has to have made them",
    environment: "GRAFT_JWT_ISSUER",
  },
  {
    name: "production",
    help: "refuse to start without any of these (or GRAFT_PRODUCTION=1)",
  },
];

/** How a server meets a network that it does not trust. */
const EDGE_FLAGS: readonly Flag[] = [
  {
    name: "tls-cert",
    value: "FILE",
    help: "speak TLS with this certificate (PEM), read again when it was replaced, or on SIGHUP",
    environment: "GRAFT_TLS_CERT",
  },
  { name: "tls-key", value: "FILE", help: "its key (PEM)", environment: "GRAFT_TLS_KEY" },
  {
    name: "cors-origin",
    value: "ORIGIN",
    help: "whose pages may call, such as https://app.example; several: separated by commas",
    environment: "GRAFT_CORS_ORIGIN",
  },
  {
    name: "limit-requests",
    value: "N",
    help: "calls a second of one token, and of one address",
    environment: "GRAFT_LIMIT_REQUESTS",
  },
  {
    name: "limit-bytes",
    value: "N",
    help: "bytes a second, likewise",
    environment: "GRAFT_LIMIT_BYTES",
  },
  {
    name: "limit-streams",
    value: "N",
    help: "calls open at once, likewise",
    environment: "GRAFT_LIMIT_STREAMS",
  },
  {
    name: "volume-bytes-max",
    value: "N",
    help: "bytes of pages that a volume may have",
    environment: "GRAFT_VOLUME_BYTES_MAX",
  },
  {
    name: "trust-proxy",
    help: "an address is what the proxy appended to x-forwarded-for (or GRAFT_TRUST_PROXY=1)",
  },
];

/** Flags of every server. */
export const SERVER_FLAGS: readonly Flag[] = [
  { name: "port", value: "N", help: "port to listen on; 0 for any free one", fallback: "3000" },
  { name: "host", value: "ADDRESS", help: "address to listen on", fallback: "127.0.0.1" },
  {
    name: "store",
    value: "URL",
    help: "object store: memory:, file:./dir or s3://bucket/prefix?endpoint=…&region=…",
    environment: "GRAFT_STORE",
  },
  {
    name: "cache",
    value: "DIR",
    help: "where a PageStore keeps frames it can fetch again; may be deleted at any moment",
    environment: "GRAFT_DISK_CACHE",
  },
  {
    name: "cache-mib",
    value: "N",
    help: "size of that cache in MiB; 0 for none",
    environment: "GRAFT_DISK_CACHE_MIB",
    fallback: "1024",
  },
  {
    name: "run-queries",
    value: "on|off",
    help: "whether a PageStore runs queries that come with reads, for the pages they touch",
    environment: "GRAFT_RUN_QUERIES",
    fallback: "on",
  },
  ...GUARD_FLAGS,
  ...EDGE_FLAGS,
  {
    name: "log-level",
    value: "LEVEL",
    help: "debug, info, warn, error or silent",
    environment: "GRAFT_LOG_LEVEL",
    fallback: "info",
  },
  OTLP_FLAG,
  JSON_FLAG,
];
