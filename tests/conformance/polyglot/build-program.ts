/** Builds a program of `examples/` into a folder outside the checkout. */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, contentKey, keepBuild, readBuild } from "./kept-build.ts";
import type { Program, RunOptions } from "./program.ts";
import { findTools } from "./toolchain.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const OUTPUT_SIZE_MAX = 20_000;

/** What the builds of all programs are made from. */
const RECIPES: readonly string[] = ["programs", "build-go.ts", "build-program.ts"];

/**
 * A build from before is taken when nothing has changed since.
 *
 * @returns the command that runs it. @throws Error with what the compiler said
 */
export async function buildProgram(program: Program): Promise<Command> {
  const cache = join(cacheFolder(), program.name);
  const [source, protos] = [join(ROOT, "examples", program.name), join(ROOT, "proto")];
  const tools = findTools(program);
  const recipes = RECIPES.map((name) => join(import.meta.dirname, name));
  const key = contentKey([source, protos, ...recipes], [cache, JSON.stringify([...tools])]);
  const kept = readBuild(cache, key);
  if (kept !== undefined) return kept;
  mkdirSync(cache, { recursive: true });
  const command = await program.build({
    source,
    copySource() {
      const copy = join(cache, "source");
      rmSync(copy, { recursive: true, force: true });
      cpSync(source, copy, { recursive: true });
      return copy;
    },
    protos,
    cache,
    tool(name) {
      const path = tools.get(name);
      if (path === undefined) throw new Error(`${program.name} is built only where ${name} is`);
      return path;
    },
    run: (words, options) => run(words, { cwd: cache, ...options }),
  });
  keepBuild(cache, key, command);
  return command;
}

function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME ?? "";
  return join(cache === "" ? join(homedir(), ".cache") : cache, "graft-polyglot");
}

function run([file = "", ...words]: readonly string[], options: RunOptions): Promise<void> {
  // Compilers keep their caches there.
  const home = { HOME: homedir(), PATH: pathWithWorkspace() };
  const env = { ...process.env, ...home, ...options.env };
  const child = spawn(file, words, { cwd: options.cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_SIZE_MAX);
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`\`${[file, ...words].join(" ")}\` ended with ${code}: ${output}`));
    });
  });
}

/** `buf` is one of the workspace's tools. */
function pathWithWorkspace(): string {
  return `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env.PATH ?? ""}`;
}
