import { type GuardConfig, parseGuardConfig } from "@graft/auth";
import { GraftError } from "@graft/core";
import { type EdgeOptions, parseEdgeConfig } from "@graft/rpc/node";
import { FRAME_CACHE_SIZE_DEFAULT } from "./create-pagestore.ts";
import { DISK_CACHE_SIZE_DEFAULT } from "./frame-cache/open-disk-frame-cache.ts";

/** How a PageStore of its own is set up. */
export interface PagestoreConfig {
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Object store: `memory:`, `file:./dir`, `s3://bucket/prefix?endpoint=…`. */
  readonly storeUrl: string;
  /** The MetaStore: "http://127.0.0.1:3001". */
  readonly metastoreUrl: string;
  /** Bytes of decoded frames kept in memory. */
  readonly frameCacheSize: number;
  /** Frames that survive a restart. Default: none. */
  readonly diskCache?: DiskCacheConfig | undefined;
  /** Whether queries that come with reads are run. Default: they are. */
  readonly runQueries?: boolean | undefined;
  /** How it knows its callers. Default: everybody may do everything. */
  readonly guard?: GuardConfig | undefined;
  /** How it meets a network that it does not trust. Default: as on loopback. */
  readonly edge?: EdgeOptions | undefined;
  readonly logLevel: LogLevel;
}

/** Where frames are cached on disk. */
export interface DiskCacheConfig {
  readonly directory: string;
  /** Bytes of all files. */
  readonly sizeMax: number;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];
const MIB = 1024 * 1024;
const CACHE_MIB_MAX = 65_536;
const DISK_CACHE_MIB_MAX = 1_048_576;

/**
 * Reads the environment:
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | `GRAFT_PAGESTORE_HOST` | 127.0.0.1 | address to listen on |
 * | `GRAFT_PAGESTORE_PORT` | 3000 | port; 0 is any free one |
 * | `GRAFT_STORE` | – | object store URL |
 * | `GRAFT_METASTORE` | – | MetaStore URL |
 * | `GRAFT_FRAME_CACHE_MIB` | 32 | memory for decoded frames |
 * | `GRAFT_DISK_CACHE` | – | directory for frames that survive a restart |
 * | `GRAFT_DISK_CACHE_MIB` | 1024 | its size; 0: none |
 * | `GRAFT_RUN_QUERIES` | on | on, off: whether queries that come with reads are run |
 * | `GRAFT_LOG_LEVEL` | info | debug, info, warn, error, silent |
 *
 * how it knows its callers, and how it meets the network: see `parseGuardConfig` and
 * `parseEdgeConfig`.
 *
 * @throws GraftError `invalid-argument` naming the variable
 */
export function parsePagestoreConfig(
  env: Readonly<Record<string, string | undefined>>,
): PagestoreConfig {
  const cacheMib = env.GRAFT_FRAME_CACHE_MIB;
  const diskCache = parseDiskCache(env);
  return {
    host: env.GRAFT_PAGESTORE_HOST || "127.0.0.1",
    port: parseNumber("GRAFT_PAGESTORE_PORT", env.GRAFT_PAGESTORE_PORT ?? "3000", 65_535),
    storeUrl: required(env, "GRAFT_STORE", "an object store, such as file:./data"),
    metastoreUrl: parseHttpUrl("GRAFT_METASTORE", env),
    frameCacheSize:
      cacheMib === undefined
        ? FRAME_CACHE_SIZE_DEFAULT
        : parseNumber("GRAFT_FRAME_CACHE_MIB", cacheMib, CACHE_MIB_MAX) * MIB,
    ...(diskCache !== undefined && { diskCache }),
    runQueries: mustParseRunQueries(env.GRAFT_RUN_QUERIES),
    guard: parseGuardConfig(env),
    edge: parseEdgeConfig(env),
    logLevel: parseLogLevel(env.GRAFT_LOG_LEVEL ?? "info"),
  };
}

/** `on` (also when it is absent or empty) or `off`; undefined for anything else. */
export function parseRunQueries(text: string | undefined): boolean | undefined {
  if (text === undefined || text === "" || text === "on") return true;
  return text === "off" ? false : undefined;
}

function mustParseRunQueries(text: string | undefined): boolean {
  const value = parseRunQueries(text);
  if (value !== undefined) return value;
  throw invalid(`GRAFT_RUN_QUERIES is "${text}": expected on or off`);
}

function parseDiskCache(
  env: Readonly<Record<string, string | undefined>>,
): DiskCacheConfig | undefined {
  const name = "GRAFT_DISK_CACHE_MIB";
  const text = env[name] ?? String(DISK_CACHE_SIZE_DEFAULT / MIB);
  const sizeMax = parseNumber(name, text, DISK_CACHE_MIB_MAX) * MIB;
  const directory = env.GRAFT_DISK_CACHE;
  if (directory === undefined || directory === "" || sizeMax === 0) return undefined;
  return { directory, sizeMax };
}

function required(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  what: string,
): string {
  const value = env[name];
  if (value === undefined || value === "") throw invalid(`${name} is not set: expected ${what}`);
  return value;
}

function parseNumber(name: string, text: string, most: number): number {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw invalid(`${name} is "${text}": expected a whole number, 0 … ${most}`);
}

function parseHttpUrl(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const text = required(env, name, "a URL, such as http://127.0.0.1:3001");
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === "/")
    return url.origin;
  throw invalid(`${name} is "${text}": expected http://host:port without a path`);
}

function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw invalid(`GRAFT_LOG_LEVEL is "${text}": expected ${LOG_LEVELS.join(", ")}`);
}

function invalid(message: string): GraftError {
  return new GraftError("invalid-argument", message);
}
