import { GraftError } from "@graft/core";

/** Where NATS is, and how one gets in. */
export interface NatsLocation {
  /** "127.0.0.1:4222": one of a cluster, or several. */
  readonly servers: readonly string[];
  readonly login:
    | { readonly kind: "none" }
    | { readonly kind: "token"; readonly token: string }
    | { readonly kind: "user"; readonly user: string; readonly password: string };
  /** Absent: without TLS, unless the server demands it. */
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
  /** Of all subjects: nodes that share it hear each other. */
  readonly prefix: string;
  /** For people: without credentials. */
  readonly name: string;
}

const EXAMPLE = "nats://token@127.0.0.1:4222, or tls://user:password@a:4222,b:4222/prefix?ca=FILE";
const PREFIX_DEFAULT = "graft";
const FILES: Readonly<Record<string, "caFile" | "certFile" | "keyFile">> = {
  ca: "caFile",
  cert: "certFile",
  key: "keyFile",
};

/**
 * Reads `nats://[token@ | user:password@]host[:port][,host[:port] …][/prefix]`; with `tls://` the
 * connection is encrypted, and `?ca=FILE&cert=FILE&key=FILE` name PEM files. Characters that have
 * a meaning in a URL are percent-encoded in credentials.
 *
 * @throws GraftError `invalid-argument`, without the credentials
 */
export function parseNatsLocation(url: string): NatsLocation {
  const parts = /^(nats|tls):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(
    url,
  );
  if (parts === null) throw invalid("it is no such URL");
  const [, scheme, login, hosts = "", path = "", query = ""] = parts;
  const servers = hosts.split(",").map(parseServer);
  const prefix = path === "" ? PREFIX_DEFAULT : path;
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(prefix)) {
    throw invalid(`its path "${prefix}" cannot begin a subject`);
  }
  const files = parseFiles(query);
  if (scheme === "nats" && Object.keys(files).length > 0) throw invalid("files need tls://");
  return {
    servers,
    login: parseLogin(login),
    ...(scheme === "tls" ? { tls: files } : {}),
    prefix,
    name: `${scheme}://${servers.join(",")}/${prefix}`,
  };
}

function parseServer(text: string): string {
  const parts = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/.exec(text);
  const port = Number(parts?.[2] ?? "4222");
  if (parts === null || port < 1 || port > 65_535) throw invalid(`"${text}" is no host and port`);
  return `${parts[1]}:${port}`;
}

function parseLogin(text: string | undefined): NatsLocation["login"] {
  if (text === undefined) return { kind: "none" };
  const at = text.indexOf(":");
  if (text === "" || at === 0) throw invalid("its user is empty");
  if (at < 0) return { kind: "token", token: decode(text) };
  return { kind: "user", user: decode(text.slice(0, at)), password: decode(text.slice(at + 1)) };
}

function parseFiles(query: string): NonNullable<NatsLocation["tls"]> {
  const files: { caFile?: string; certFile?: string; keyFile?: string } = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const file = FILES[name];
    if (file === undefined || value === "")
      throw invalid(`it knows no "${name}", only ca, cert, key`);
    files[file] = value;
  }
  return files;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("its credentials are not percent-encoded");
  }
}

function invalid(why: string): GraftError {
  return new GraftError("invalid-argument", `no place of NATS: ${why}; expected ${EXAMPLE}`);
}
