/**
 * Clients that nobody here wrote, against a real server: every program of `examples/`, over every
 * protocol it speaks. One whose tools are missing is skipped, by name; in CI that is a failure.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServerChild, startServer } from "../../bench/graft-child.ts";
import { until } from "../../harness/until.ts";
import { buildProgram } from "./build-program.ts";
import { EXPECTED, type Protocol, STEPS, type Step } from "./contract.ts";
import type { Program } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { type ProgramRun, runProgram } from "./run-program.ts";
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
      const session = await runProgram(command, { url: server.url, protocol });
      expect(session, session.stderr).toMatchObject({ code: 0 });
      expectSession(session, program, protocol);
      await until(async () => (await openStreams()) === 0);
    },
  );
}

/** Each step as the contract says it, but for what the library cannot do. */
function expectSession({ reports }: ProgramRun, program: Program, protocol: Protocol): void {
  expect(reports.map(({ step }) => step)).toEqual(STEPS);
  for (const [at, step] of STEPS.entries()) {
    const reason = gapOf(program, protocol, step);
    const expected = reason === undefined ? EXPECTED[step] : { skipped: reason };
    expect(reports[at]).toMatchObject({ step, ok: true, ...expected });
    if (reason === undefined) expect(reports[at]).not.toHaveProperty("skipped");
  }
}

function gapOf({ gaps }: Program, protocol: Protocol, step: Step): string | undefined {
  const ofStep = gaps.filter((gap) => gap.step === step);
  return ofStep.find((gap) => (gap.protocol ?? protocol) === protocol)?.reason;
}

/** Watchers that the server still holds: a canceled stream leaves none. */
async function openStreams(): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^graft_watch_streams (\d+)$/m.exec(metrics)?.[1]);
}
