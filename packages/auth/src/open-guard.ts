import { type Clock, type Compute, type FileSystem, GraftError } from "@graft/core";
import { type Guard, OPEN_GUARD, TokenGuard } from "./guard.ts";
import { Jwks } from "./jwks.ts";
import { fixedKeyRing, joinKeyRings, type KeyRing, openKeyFile } from "./key-ring.ts";
import { parseLocalKeys } from "./local-key.ts";

/** How a server knows its callers. All absent: it lets everybody do everything. */
export interface GuardConfig {
  /** Keys themselves: see `parseLocalKeys`. */
  readonly keys?: string | undefined;
  /** A file with keys, read again when it changes. */
  readonly keyFile?: string | undefined;
  /** Where an identity provider publishes its keys. */
  readonly jwksUrl?: string | undefined;
  /** Whom its tokens are made for; needed with `jwksUrl`. Several: separated by commas. */
  readonly jwtAudience?: string | undefined;
  readonly jwtIssuer?: string | undefined;
  /** Refuse to be without any of them. */
  readonly isProduction?: boolean | undefined;
}

export interface GuardMeans {
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  /** Hashes tokens. Default: in JavaScript. */
  readonly compute?: Pick<Compute, "sha256"> | undefined;
  readonly fetch: typeof globalThis.fetch;
  /** Told when the key file has become unusable: the keys before it stay. */
  readonly onTrouble: (error: GraftError) => void;
}

const KEY_VARIABLES = [
  "GRAFT_TOKEN_KEYS",
  "METASTORE_AUTH_KEY",
  "METASTORE_AUTH__KEY",
  "PAGESTORE_AUTH_KEY",
  "PAGESTORE_AUTH__KEY",
];

/**
 * Reads the environment:
 *
 * | variable | meaning |
 * |---|---|
 * | `GRAFT_TOKEN_KEYS` | keys of tokens, 64 hex digits each; the first makes new ones |
 * | `METASTORE_AUTH_KEY`, `PAGESTORE_AUTH_KEY` | the same, by the names of v0.1; also with `AUTH__KEY` |
 * | `GRAFT_TOKEN_KEYS_FILE` | a file with keys, read again when it changes |
 * | `GRAFT_JWKS` | URL of an identity provider's keys |
 * | `GRAFT_JWT_AUDIENCE`, `GRAFT_JWT_ISSUER` | what its tokens must say |
 * | `GRAFT_PRODUCTION` | refuse to start without any of these |
 */
export function parseGuardConfig(env: Readonly<Record<string, string | undefined>>): GuardConfig {
  const keys = KEY_VARIABLES.map((name) => env[name] ?? "");
  return {
    keys: given(keys.join(" ")),
    keyFile: given(env.GRAFT_TOKEN_KEYS_FILE),
    jwksUrl: given(env.GRAFT_JWKS),
    jwtAudience: given(env.GRAFT_JWT_AUDIENCE),
    jwtIssuer: given(env.GRAFT_JWT_ISSUER),
    isProduction: isSwitchedOn(env.GRAFT_PRODUCTION),
  };
}

/**
 * The guard of a server.
 *
 * @throws GraftError `invalid-argument`: no key, no URL, no audience, or nothing at all in
 *   production · `not-found`, `io`: the key file
 */
export function openGuard(config: GuardConfig, means: GuardMeans): Guard {
  const { clock, compute } = means;
  const keyRing = openKeyRing(config, means);
  const jwt = jwtOptionsOf(config, means);
  if (keyRing === undefined && jwt === undefined) {
    if (config.isProduction !== true) return OPEN_GUARD;
    throw invalid(
      "in production a server needs a way to know its callers: set GRAFT_TOKEN_KEYS, --token-keys or --jwks; graft token key makes a key",
    );
  }
  return new TokenGuard({ keyRing, jwt, clock, compute });
}

/** The guard of a server that has a log. @throws as `openGuard` */
export function serverGuard(
  config: GuardConfig,
  means: Pick<GuardMeans, "clock" | "fileSystem" | "compute"> & {
    readonly log: { warn(facts: Readonly<Record<string, unknown>>, message: string): void };
    readonly fetch?: typeof globalThis.fetch | undefined;
  },
): Guard {
  const onTrouble = (error: GraftError): void =>
    means.log.warn(
      { error: error.message },
      "the key file cannot be used: the keys before it stay",
    );
  return openGuard(config, { ...means, fetch: means.fetch ?? globalThis.fetch, onTrouble });
}

function openKeyRing(config: GuardConfig, means: GuardMeans): KeyRing | undefined {
  const { keys, keyFile } = config;
  const rings: KeyRing[] = [];
  if (keys !== undefined) rings.push(fixedKeyRing(parseLocalKeys(keys)));
  if (keyFile !== undefined) rings.push(openKeyFile({ ...means, path: keyFile }));
  return rings.length === 0 ? undefined : joinKeyRings(rings);
}

function jwtOptionsOf(config: GuardConfig, { clock, fetch }: GuardMeans) {
  const { jwksUrl: url, jwtAudience, jwtIssuer: issuer } = config;
  if (url === undefined) {
    if (jwtAudience === undefined && issuer === undefined) return undefined;
    throw invalid("an audience or issuer of JWTs is given, and no --jwks with the provider's keys");
  }
  if (!isSafeUrl(url)) {
    throw invalid(`--jwks "${url}": expected https://…, or http:// on this machine`);
  }
  const audiences = (jwtAudience ?? "").split(",").filter((one) => one !== "");
  if (audiences.length === 0) {
    throw invalid(
      "--jwks needs --jwt-audience: the provider signs for other programs as well, and their tokens must not open this one",
    );
  }
  return { jwks: new Jwks({ url, fetch, clock }), audiences, issuer, clock };
}

/** Whoever can change the keys under way can make tokens. */
function isSafeUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? "");
  return url?.protocol === "https:" || (url?.protocol === "http:" && isLocal);
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text;
}

function isSwitchedOn(text: string | undefined): boolean {
  return text !== undefined && !["", "0", "false", "no"].includes(text.toLowerCase());
}

function invalid(message: string): GraftError {
  return new GraftError("invalid-argument", message);
}
