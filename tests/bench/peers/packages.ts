/**
 * Fetches packages of others into the cache folder (`$XDG_CACHE_HOME/graft-peers`), once, by name
 * and version, with the ordinary clients. They are no dependency of the project.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const FETCH_MS_MAX = 300_000;

/** @returns the folder that holds `node_modules` @throws why they cannot be had */
export async function fetchNpmPackages(names: readonly string[]): Promise<string> {
  return await fetchOnce(names, async (folder) => {
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    const words = ["install", "--no-audit", "--no-fund", "--loglevel", "error", ...names];
    await run({ program: "npm", words, cwd: folder });
  });
}

/** @returns the Python of an environment that has them @throws why they cannot be had */
export async function fetchPythonPackages(names: readonly string[]): Promise<string> {
  const folder = await fetchOnce(names, async (folder) => {
    await run({ program: "python3", words: ["-m", "venv", folder], cwd: folder });
    const pip = ["-m", "pip", "install", "--quiet", "--only-binary=:all:"];
    await run({ program: join(folder, "bin", "python"), words: [...pip, ...names], cwd: folder });
  });
  return join(folder, "bin", "python");
}

async function fetchOnce(
  names: readonly string[],
  fetch: (folder: string) => Promise<void>,
): Promise<string> {
  const given = process.env.XDG_CACHE_HOME ?? "";
  const cache = join(given === "" ? join(homedir(), ".cache") : given, "graft-peers");
  const folder = join(cache, names.join("+").replaceAll(/[^\w.+-]/g, "-"));
  if (existsSync(folder)) return folder;
  const started = `${folder}.started-${process.pid}`;
  mkdirSync(started, { recursive: true });
  try {
    await fetch(started);
    // Whoever finds the folder finds all of it.
    renameSync(started, folder);
  } catch (error) {
    rmSync(started, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

interface Command {
  readonly program: string;
  readonly words: readonly string[];
  readonly cwd: string;
}

async function run({ program, words, cwd }: Command): Promise<void> {
  try {
    await promisify(execFile)(program, words, { cwd, timeout: FETCH_MS_MAX });
  } catch (cause) {
    const lines = cause instanceof Error ? cause.message.trim().split("\n") : [];
    // npm begins with a code and goes on with advice; pip ends with the reason.
    const reason = lines.find((line) => line.startsWith("npm error code")) ?? lines.at(-1) ?? "";
    throw new Error(`cannot run \`${basename(program)} ${words[0]} …\`: ${reason}`, { cause });
  }
}
