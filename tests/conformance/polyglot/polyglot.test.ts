/**
 * Clients that nobody here wrote, against a real server: every program of `examples/`, over every
 * protocol it speaks. One whose tools are missing is skipped, by name; in CI that is a failure.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DelayProxy } from "../../bench/delay-proxy.ts";
import { type ServerChild, startServer } from "../../bench/graft-child.ts";
import { until } from "../../harness/until.ts";
import { buildProgram } from "./build-program.ts";
import { expectCompression, expectSteps } from "./expect-session.ts";
import type { Program } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { runProgram } from "./run-program.ts";
import { findTools } from "./toolchain.ts";

/** A first build compiles everything a library needs. */
const BUILD_MS_MAX = 900_000;
const RUN_MS_MAX = 150_000;

let server: ServerChild;
beforeAll(async () => {
  server = await startServer("memory:");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
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
  let command: readonly [string, ...string[]] | undefined;
  beforeAll(async () => {
    command = await buildProgram(program);
  }, BUILD_MS_MAX);

  test.for(program.protocols)(
    "has a whole session over %s",
    { timeout: RUN_MS_MAX },
    async (protocol) => {
      if (command === undefined) throw new Error("it is built before");
      await using proxy = await DelayProxy.start(server.url, 0);
      const session = await runProgram(command, { url: proxy.url, protocol });
      expectSteps(session, program, protocol);
      expectCompression(proxy, program, protocol);
      await until(async () => (await openStreams()) === 0);
    },
  );
}

/** Watchers that the server still holds: a canceled stream leaves none. */
async function openStreams(): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^graft_watch_streams (\d+)$/m.exec(metrics)?.[1]);
}
