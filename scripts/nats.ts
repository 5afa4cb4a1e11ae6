/**
 * The NATS server of tests, which start and stop it themselves: `GRAFT_TEST_NATS_SERVER` names the
 * program where it is set, else it is `nats-server` on PATH or in the cache folder
 * (`$XDG_CACHE_HOME/graft-nats`). With `GRAFT_BUILD_NATS=1` it is built there once, with Go. When
 * there is none the suites that need it report themselves as skipped.
 *
 * - vitest runs `setup` once before the integration tests.
 * - `node scripts/nats.ts` builds what is missing and prints where it is.
 */
import { buildProgram, findProgram, type GoProgram } from "./go-program.ts";

const NATS: GoProgram = {
  name: "nats-server",
  folder: "graft-nats",
  module: "github.com/nats-io/nats-server/v2@v2.15.2",
};

/** vitest's global set-up: its workers inherit the environment. */
export function setup(): void {
  if ((process.env.GRAFT_TEST_NATS_SERVER ?? "") !== "") return;
  const mayBuild = process.env.GRAFT_BUILD_NATS === "1";
  const program = findProgram(NATS) ?? (mayBuild ? buildProgram(NATS) : undefined);
  if (program !== undefined) process.env.GRAFT_TEST_NATS_SERVER = program;
}

if (import.meta.main) console.log(`NATS: ${findProgram(NATS) ?? buildProgram(NATS)}`);
