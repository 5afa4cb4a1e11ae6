import { statfsSync } from "node:fs";
import { GraftError, isGraftError } from "@graft/core";
import { openObjectStore } from "@graft/object-store";
import { canSuspend } from "@graft/sqlite-engine";
import type { Command, Invocation } from "../command.ts";
import type { Check } from "../doctor/check.ts";
import { examineDataDirectory } from "../doctor/examine-directory.ts";
import { examineObjectStore } from "../doctor/examine-object-store.ts";
import { examineRuntime } from "../doctor/examine-runtime.ts";
import { examineServer } from "../doctor/examine-server.ts";
import { examineTls } from "../doctor/examine-tls.ts";
import { examineToken } from "../doctor/examine-token.ts";
import { judgeFailure } from "../doctor/judge.ts";
import { GUARD_FLAGS, PATH_DEFAULT, REPLICA_FLAGS, URL_DEFAULT } from "../flags.ts";
import { keysAtHand } from "../token/keys-at-hand.ts";

/** `graft doctor [--url URL] [--store URL] [--path DIR]`: what works, what does not, what to do. */
export const doctor: Command = {
  name: "doctor",
  summary: "check servers, object store, clocks and disk, and say what to do",
  positionals: "",
  positionalCount: { min: 0, max: 0 },
  flags: [
    {
      name: "store",
      value: "URL",
      help: "check this object store as well: a few small objects are written and removed",
      environment: "GRAFT_STORE",
    },
    ...GUARD_FLAGS.filter(({ name }) => name === "token-keys"),
    ...REPLICA_FLAGS,
  ],
  async run(invocation) {
    const counts = { ok: 0, warn: 0, fail: 0 };
    for await (const check of allChecks(invocation)) {
      counts[check.status]++;
      tell(invocation, check);
    }
    const total = counts.ok + counts.warn + counts.fail;
    invocation.output.row(
      { kind: "summary", passed: counts.fail === 0, ...counts },
      `${total} checks: ${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} failed`,
    );
    if (counts.fail === 0) return;
    throw new GraftError("unavailable", `${counts.fail} of ${total} checks failed, named above`, {
      details: counts,
    });
  },
};

/** What was named; without any name, what commands use by default. */
async function* allChecks(invocation: Invocation): AsyncGenerator<Check> {
  const { surroundings, values } = invocation;
  const isNothingNamed = !["url", "store", "path"].some((name) => values.has(name));
  yield examineRuntime(process.version, canSuspend());
  if (values.has("url") || isNothingNamed) yield* serverChecks(invocation);
  const storeUrl = values.get("store");
  if (storeUrl !== undefined) yield* storeChecks(invocation, storeUrl);
  const path = values.get("path") ?? PATH_DEFAULT;
  const isThere = surroundings.fileSystem.stat(path) !== undefined;
  if (values.has("path") || (isNothingNamed && isThere)) {
    yield* examineDataDirectory(path, { ...surroundings, freeBytes });
  }
}

async function* serverChecks(invocation: Invocation): AsyncGenerator<Check> {
  const { surroundings, values, signal } = invocation;
  const url = (values.get("url") ?? URL_DEFAULT).replace(/\/+$/, "");
  const pagestoreUrl = (values.get("pagestore-url") ?? url).replace(/\/+$/, "");
  const { clock, random } = surroundings;
  const place = { url, pagestoreUrl, token: values.get("token") };
  const urls = new Set([url, pagestoreUrl].filter((text) => URL.canParse(text)));
  for (const each of urls) yield await examineTls(each, { clock, signal });
  const { token } = place;
  if (token !== undefined && token !== "") {
    const keys = keysAtHand(invocation);
    yield* examineToken({ token, keys, url, pagestoreUrl }, { clock, signal });
  }
  yield* examineServer(place, { clock, random, signal, fetch: globalThis.fetch });
}

async function* storeChecks(
  { surroundings, signal }: Invocation,
  url: string,
): AsyncGenerator<Check> {
  try {
    const options = { ...surroundings, env: surroundings.environment };
    const { store } = await openObjectStore(url, options);
    try {
      yield* examineObjectStore(store, { ...surroundings, signal });
    } finally {
      await store.close();
    }
  } catch (error) {
    if (signal.aborted || !isGraftError(error)) throw error;
    yield { name: "store", target: url, ...judgeFailure(error) };
  }
}

function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

function tell({ output }: Invocation, check: Check): void {
  const { name, target, status, found, advice } = check;
  const line = `${status.padEnd(4)}  ${name.padEnd(17)}  ${target}: ${found}`;
  const text = advice === undefined ? line : `${line}\n      → ${advice}`;
  output.row({ kind: "check", ...check }, text);
}
