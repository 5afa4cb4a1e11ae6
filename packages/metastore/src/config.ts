import { type GuardConfig, parseGuardConfig } from "@graft/auth";
import { GraftError } from "@graft/core";
import { type EdgeOptions, parseEdgeConfig } from "@graft/rpc/node";
import { type NotifyConfig, parseNotify } from "./notify/notify-config.ts";

/** How a MetaStore of its own is set up. */
export interface MetastoreConfig {
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Object store: `memory:`, `file:./dir`, `s3://bucket/prefix?endpoint=…`. */
  readonly storeUrl: string;
  /**
   * Whether other nodes commit to the same store, and how this one learns of it. Default `none`.
   */
  readonly notify?: NotifyConfig | undefined;
  /** How it knows its callers. Default: everybody may do everything. */
  readonly guard?: GuardConfig | undefined;
  /** How it meets a network that it does not trust. Default: as on loopback. */
  readonly edge?: EdgeOptions | undefined;
  readonly logLevel: LogLevel;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/**
 * Reads the environment:
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | `GRAFT_METASTORE_HOST` | 127.0.0.1 | address to listen on |
 * | `GRAFT_METASTORE_PORT` | 3001 | port; 0 is any free one |
 * | `GRAFT_STORE` | – | object store URL |
 * | `GRAFT_NOTIFY` | none | `none`: the only MetaStore of its store; `probe`, `nats://…`: one of several |
 * | `GRAFT_LOG_LEVEL` | info | debug, info, warn, error, silent |
 *
 * how it knows its callers, and how it meets the network: see `parseGuardConfig` and
 * `parseEdgeConfig`.
 *
 * @throws GraftError `invalid-argument` naming the variable
 */
export function parseMetastoreConfig(
  env: Readonly<Record<string, string | undefined>>,
): MetastoreConfig {
  const storeUrl = env.GRAFT_STORE;
  if (storeUrl === undefined || storeUrl === "") {
    throw invalid("GRAFT_STORE is not set: expected an object store, such as file:./data");
  }
  return {
    host: env.GRAFT_METASTORE_HOST || "127.0.0.1",
    port: parsePort(env.GRAFT_METASTORE_PORT ?? "3001"),
    storeUrl,
    notify: parseNotify(env.GRAFT_NOTIFY || "none"),
    guard: parseGuardConfig(env),
    edge: parseEdgeConfig(env),
    logLevel: parseLogLevel(env.GRAFT_LOG_LEVEL ?? "info"),
  };
}

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw invalid(`GRAFT_METASTORE_PORT is "${text}": expected a whole number, 0 … 65535`);
}

function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw invalid(`GRAFT_LOG_LEVEL is "${text}": expected ${LOG_LEVELS.join(", ")}`);
}

function invalid(message: string): GraftError {
  return new GraftError("invalid-argument", message);
}
