/**
 * Clients that nobody here wrote, against a real server: every program of `examples/`, over every
 * protocol it speaks. One whose tools are missing is skipped, by name; in CI that is a failure.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DelayProxy } from "../../bench/delay-proxy.ts";
import { until } from "../../harness/until.ts";
import { buildProgram } from "./build-program.ts";
import { expectCompression, expectSteps } from "./expect-session.ts";
import { type GuardedServer, startGuardedServer } from "./guarded-server.ts";
import type { Program } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { runProgram } from "./run-program.ts";
import { findTools } from "./toolchain.ts";

/** A first build compiles everything a library needs. */
const BUILD_MS_MAX = 900_000;
const RUN_MS_MAX = 150_000;

let server: GuardedServer;
let secureServer: GuardedServer;
/** It lets a caller begin one call a second. */
let busyServer: GuardedServer;
beforeAll(async () => {
  server = await startGuardedServer();
  secureServer = await startGuardedServer({ isSecure: true });
  busyServer = await startGuardedServer({ flags: ["--limit-requests", "1"] });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await secureServer[Symbol.asyncDispose]();
  await busyServer[Symbol.asyncDispose]();
});

for (const program of PROGRAMS) describe(`examples/${program.name}`, () => run(program));

function run(program: Program): void {
  const missing = [...findTools(program)].filter(([, path]) => path === undefined);
  if (missing.length > 0) {
    const what = missing.map(([name]) => name).join(", ");
    return void test.skipIf(process.env.CI !== "true")(`is not run without ${what}`, () => {
      expect(what, "tools that are missing in CI").toBe("");
    });
  }
  let command: readonly [string, ...string[]] = [""];
  beforeAll(async () => {
    command = await buildProgram(program);
  }, BUILD_MS_MAX);

  describe.for(program.protocols)("over %s", { timeout: RUN_MS_MAX }, (protocol) => {
    test("has a whole session", async () => {
      await using proxy = await DelayProxy.start(server.url, 0);
      const { token } = server;
      const session = await runProgram(command, { url: proxy.url, protocol, token });
      expectSteps(session, program, protocol);
      expectCompression(proxy, program, protocol);
      await until(async () => (await server.openStreams()) === 0);
    });

    test("is told that it has no token", async () => {
      const { code, reports } = await runProgram(command, { url: server.url, protocol });
      const refusal = { step: "create", ok: false, code: "unauthenticated" };
      expect({ code, reports }).toMatchObject({ code: 1, reports: [refusal] });
    });

    test("is told when to come again where it calls too often", async () => {
      const { url, token } = busyServer;
      await until(async () => (await callOnce(url)) === 503);
      const { reports } = await runProgram(command, { url, protocol, token });
      const refusals = reports.filter(({ code }) => code === "unavailable");
      expect(refusals, JSON.stringify(reports)).not.toEqual([]);
      const why = { detail: "unavailable", reason: "UNAVAILABLE" };
      for (const refusal of refusals) {
        expect(refusal).toMatchObject(why);
        expect(refusal.retryAfterMs).toBeGreaterThan(0);
        expect(refusal.retryAfterMs).toBeLessThanOrEqual(1000);
      }
    });

    test("has a whole session over TLS", async () => {
      const { token, certificate = "" } = secureServer;
      // Some will not check the certificate of an address.
      const url = secureServer.url.replace("127.0.0.1", "localhost");
      const environment = { [program.trustVariable]: certificate };
      const session = await runProgram(command, { url, protocol, token, environment });
      expectSteps(session, program, protocol);
    });
  });
}

/** @returns the HTTP status */
async function callOnce(url: string): Promise<number> {
  const headers = { "content-type": "application/json" };
  const request = { method: "POST", headers, body: "{}" };
  return (await fetch(`${url}/graft.metastore.v1.MetastoreService/CreateVolume`, request)).status;
}
