/** Builds a program of `examples/` into a folder outside the checkout. */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Program, RunOptions } from "./program.ts";
import { findTools } from "./toolchain.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const OUTPUT_SIZE_MAX = 20_000;

/** @returns the command that runs it. @throws Error with what the compiler said */
export async function buildProgram(program: Program): Promise<readonly [string, ...string[]]> {
  const cache = join(cacheFolder(), program.name);
  mkdirSync(cache, { recursive: true });
  const tools = findTools(program);
  const source = join(ROOT, "examples", program.name);
  return program.build({
    source,
    copySource() {
      const copy = join(cache, "source");
      cpSync(source, copy, { recursive: true });
      return copy;
    },
    protos: join(ROOT, "proto"),
    cache,
    tool(name) {
      const path = tools.get(name);
      if (path === undefined) throw new Error(`${program.name} is built only where ${name} is`);
      return path;
    },
    run: (command, options) => run(command, { cwd: cache, ...options }),
  });
}

function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME ?? "";
  return join(cache === "" ? join(homedir(), ".cache") : cache, "graft-polyglot");
}

function run([file = "", ...words]: readonly string[], options: RunOptions): Promise<void> {
  const env = { ...process.env, PATH: pathWithWorkspace(), ...options.env };
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
