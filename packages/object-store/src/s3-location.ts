import { GraftError } from "@graft/core";

/** Where an S3 store is, and who asks. */
export interface S3Location {
  readonly bucket: string;
  /** Put before every key, without slashes at its ends; may be empty. */
  readonly prefix: string;
  /** The server; undefined means Amazon's own for the region. */
  readonly endpoint: S3Endpoint | undefined;
  readonly region: string;
  /** Bucket in the path (MinIO and most others) instead of in the host name (Amazon). */
  readonly pathStyle: boolean;
  readonly credentials: S3Credentials;
}

export interface S3Endpoint {
  readonly host: string;
  readonly port: number;
  readonly useTls: boolean;
}

export interface S3Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string | undefined;
}

/** Environment variables, handed in: only `main.ts` reads the real ones. */
export type Environment = Readonly<Record<string, string | undefined>>;

const PARAMETERS: ReadonlySet<string> = new Set(["endpoint", "region", "path-style"]);
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;
const PREFIX_SIZE_MAX = 500;

/**
 * Reads `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1&path-style=true`,
 * with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, and as defaults AWS_REGION (or
 * AWS_DEFAULT_REGION; else us-east-1) and AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL).
 *
 * @throws GraftError `invalid-argument` saying what was expected
 */
export function parseS3Location(url: string, env: Environment): S3Location {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.protocol !== "s3:") {
    throw invalid(url, "expected s3://bucket/prefix?endpoint=…&region=…");
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw invalid("s3:…", "credentials belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  for (const name of parsed.searchParams.keys()) {
    if (!PARAMETERS.has(name)) {
      throw invalid(url, `unknown parameter "${name}", expected ${[...PARAMETERS].join(", ")}`);
    }
  }
  const endpoint = parseEndpoint(url, endpointText(parsed, env));
  return {
    bucket: parseBucket(url, parsed.hostname),
    prefix: parsePrefix(url, parsed.pathname),
    endpoint,
    region: parsed.searchParams.get("region") ?? regionOf(env),
    pathStyle: parsePathStyle(url, parsed.searchParams.get("path-style"), endpoint !== undefined),
    credentials: credentialsOf(url, env),
  };
}

function parseBucket(url: string, bucket: string): string {
  if (BUCKET.test(bucket)) return bucket;
  throw invalid(url, `"${bucket}" is no bucket name: 3 … 63 of a-z 0-9 - .`);
}

function parsePrefix(url: string, path: string): string {
  const prefix = path.replace(/^\/+|\/+$/g, "");
  if (prefix === "") return "";
  const parts = prefix.split("/");
  if (!PREFIX.test(prefix) || parts.includes("..") || parts.includes(".")) {
    throw invalid(url, `prefix "${prefix}" may only use A-Z a-z 0-9 - _ . between slashes`);
  }
  if (prefix.length > PREFIX_SIZE_MAX) {
    throw invalid(
      url,
      `the prefix has ${prefix.length} bytes, at most ${PREFIX_SIZE_MAX} are allowed`,
    );
  }
  return prefix;
}

function endpointText(url: URL, env: Environment): string | undefined {
  return url.searchParams.get("endpoint") ?? (env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL);
}

function parseEndpoint(url: string, text: string | undefined): S3Endpoint | undefined {
  if (text === undefined || text === "") return undefined;
  const endpoint = URL.canParse(text) ? new URL(text) : undefined;
  if (endpoint === undefined || !/^https?:$/.test(endpoint.protocol) || endpoint.pathname !== "/") {
    throw invalid(url, `endpoint "${text}" must be http://host:port or https://host:port`);
  }
  const useTls = endpoint.protocol === "https:";
  const port = endpoint.port === "" ? (useTls ? 443 : 80) : Number(endpoint.port);
  return { host: endpoint.hostname.replace(/^\[|\]$/g, ""), port, useTls };
}

function regionOf(env: Environment): string {
  return env.AWS_REGION || env.AWS_DEFAULT_REGION || "us-east-1";
}

function parsePathStyle(url: string, text: string | null, hasEndpoint: boolean): boolean {
  if (text === null) return hasEndpoint;
  if (text === "true") return true;
  if (text === "false") return false;
  throw invalid(url, `path-style must be true or false, got "${text}"`);
}

function credentialsOf(url: string, env: Environment): S3Credentials {
  const accessKey = env.AWS_ACCESS_KEY_ID;
  const secretKey = env.AWS_SECRET_ACCESS_KEY;
  if (!accessKey || !secretKey) {
    throw invalid(url, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)");
  }
  return { accessKey, secretKey, sessionToken: env.AWS_SESSION_TOKEN || undefined };
}

function invalid(url: string, why: string): GraftError {
  return new GraftError("invalid-argument", `invalid object store URL "${url}": ${why}`);
}
