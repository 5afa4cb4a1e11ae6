/**
 * The Rust client of v0.1 for tests: `GRAFT_TEST_LIBGRAFT_PYTHON` names a Python that has it where
 * it is set, else it is the one of a virtual environment in the cache folder
 * (`$XDG_CACHE_HOME/graft-libgraft`). With `GRAFT_BUILD_LIBGRAFT=1` that is made once, with
 * `python3` and pip. When there is none the suites that need it report themselves as skipped.
 *
 * - vitest runs `setup` once before the integration tests.
 * - `node scripts/libgraft.ts` makes what is missing and prints where it is.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What is installed. `apsw` brings an SQLite of its own, recent enough for the extension. */
const WHEELS = ["sqlite-graft==0.1.5", "apsw==3.54.1.0"] as const;

/** vitest's global set-up: its workers inherit the environment. */
export function setup(): void {
  if ((process.env.GRAFT_TEST_LIBGRAFT_PYTHON ?? "") !== "") return;
  const mayBuild = process.env.GRAFT_BUILD_LIBGRAFT === "1";
  const python = findEnvironment() ?? (mayBuild ? buildEnvironment() : undefined);
  if (python !== undefined) process.env.GRAFT_TEST_LIBGRAFT_PYTHON = python;
}

if (import.meta.main) console.log(`libgraft: ${findEnvironment() ?? buildEnvironment()}`);

function findEnvironment(): string | undefined {
  const python = pythonOf(environmentFolder());
  return existsSync(python) ? python : undefined;
}

/** Takes half a minute. Needs Python 3.11 or newer, and its `venv`. Throws when it fails. */
function buildEnvironment(): string {
  const folder = environmentFolder();
  const started = `${folder}.started-${process.pid}`;
  rmSync(started, { recursive: true, force: true });
  mkdirSync(started, { recursive: true });
  // Pip is run as a module: what it writes into scripts is the path before the renaming.
  run("python3", ["-m", "venv", started]);
  run(pythonOf(started), ["-m", "pip", "install", "--quiet", "--only-binary=:all:", ...WHEELS]);
  // Whoever finds the folder finds all of it.
  rmSync(folder, { recursive: true, force: true });
  renameSync(started, folder);
  return pythonOf(folder);
}

function run(program: string, words: readonly string[]): void {
  const { error, status } = spawnSync(program, words, { stdio: ["ignore", "inherit", "inherit"] });
  const line = `${program} ${words.join(" ")}`;
  if (error !== undefined) throw new Error(`cannot run \`${line}\``, { cause: error });
  if (status !== 0) throw new Error(`\`${line}\` ended with ${status}`);
}

/** Other versions lie in another folder. */
function environmentFolder(): string {
  const given = process.env.XDG_CACHE_HOME ?? "";
  const cache = given === "" ? join(homedir(), ".cache") : given;
  return join(cache, "graft-libgraft", WHEELS.join("-").replaceAll("==", "-"));
}

function pythonOf(folder: string): string {
  return join(folder, "bin", "python");
}
