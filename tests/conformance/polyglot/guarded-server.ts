/** A server, in a process of its own, that knows its callers by their tokens. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalKey, createToken, formatLocalKey } from "@graft/auth";
import { systemClock, systemRandom } from "@graft/core/node";
import { startServer } from "../../bench/graft-child.ts";
import { PAGE_ORIGIN } from "./programs/browser.ts";

export interface GuardedServer extends AsyncDisposable {
  readonly url: string;
  /** It may do everything. */
  readonly token: string;
  /** A PEM file of what to trust; absent: it speaks cleartext. */
  readonly certificate?: string;
  /** `graft_watch_streams`: watchers that the server still holds. Cleartext only. */
  openStreams(): Promise<number>;
}

export interface GuardedServerOptions {
  /** Speaks TLS, with a certificate that it signed itself. */
  readonly isSecure?: boolean;
  /** More flags of `graft serve`. */
  readonly flags?: readonly string[];
}

export async function startGuardedServer({
  isSecure = false,
  flags = [],
}: GuardedServerOptions = {}): Promise<GuardedServer> {
  const key = createLocalKey(systemRandom);
  const claims = { subject: "a program of examples" };
  const token = createToken(claims, key, { clock: systemClock, random: systemRandom });
  const folder = mkdtempSync(join(tmpdir(), "graft-polyglot-"));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("keys"), formatLocalKey(key));
  const secure = isSecure ? makeCertificate(at("cert.pem"), at("key.pem")) : [];
  const guards = ["--token-keys", at("keys"), "--cors-origin", PAGE_ORIGIN, ...secure];
  const server = await startServer("memory:", ...guards, ...flags);
  return {
    url: server.url,
    token,
    ...(isSecure && { certificate: at("cert.pem") }),
    async openStreams() {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      return Number(/^graft_watch_streams (\d+)$/m.exec(metrics)?.[1]);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @returns the flags that say so to a server */
function makeCertificate(cert: string, key: string): readonly string[] {
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  const files = ["-keyout", key, "-out", cert, "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...names, ...files], { stdio: "ignore" });
  return ["--tls-cert", cert, "--tls-key", key];
}
