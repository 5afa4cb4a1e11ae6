/**
 * Programs that tests run: from PATH, else from a folder that each was built into once, with Go.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export interface GoProgram {
  /** Of its file, and of its folder in the cache: "minio". */
  readonly name: string;
  readonly folder: string;
  /** What `go install` takes. */
  readonly module: string;
}

/** The program's path; undefined when it is nowhere. */
export function findProgram({ name, folder }: GoProgram): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), cacheFolder(folder)];
  return folders.map((one) => join(one, name)).find(isProgram);
}

/** Builds it into the cache folder, which takes minutes. Needs Go. Throws when it fails. */
export function buildProgram({ name, folder, module }: GoProgram): string {
  const cache = cacheFolder(folder);
  mkdirSync(cache, { recursive: true });
  const build = spawnSync("go", ["install", module], {
    env: { ...process.env, HOME: homedir(), GOBIN: cache },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const path = join(cache, name);
  if (build.error !== undefined) {
    throw new Error(`cannot build ${name}: expected \`go\` on PATH`, { cause: build.error });
  }
  if (build.status !== 0 || !isProgram(path)) {
    throw new Error(`cannot build ${name}: \`go install ${module}\` ended with ${build.status}`);
  }
  return path;
}

function cacheFolder(folder: string): string {
  const cache = process.env.XDG_CACHE_HOME;
  const isGiven = cache !== undefined && cache !== "";
  return join(isGiven ? cache : join(homedir(), ".cache"), folder);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
