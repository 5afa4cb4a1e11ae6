/** A server, in a process of its own, that knows its callers by their tokens. */
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
  /** `graft_watch_streams`: watchers that the server still holds. */
  openStreams(): Promise<number>;
}

/** @param flags more of `graft serve` */
export async function startGuardedServer(...flags: readonly string[]): Promise<GuardedServer> {
  const key = createLocalKey(systemRandom);
  const claims = { subject: "a program of examples" };
  const token = createToken(claims, key, { clock: systemClock, random: systemRandom });
  const folder = mkdtempSync(join(tmpdir(), "graft-polyglot-"));
  writeFileSync(join(folder, "keys"), formatLocalKey(key));
  const guards = ["--token-keys", join(folder, "keys"), "--cors-origin", PAGE_ORIGIN];
  const server = await startServer("memory:", ...guards, ...flags);
  return {
    url: server.url,
    token,
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
