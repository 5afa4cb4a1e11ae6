/** Where the tests' MinIO program comes from: PATH, else a folder it was built into once. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const MODULE = "github.com/minio/minio@latest";

/** The program's path; undefined when there is none and none is to be built. */
export function findMinio(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), cacheFolder()];
  return folders.map((folder) => join(folder, "minio")).find(isProgram);
}

/** Builds it into the cache folder, which takes minutes. Needs Go. Throws when it fails. */
export function buildMinio(): string {
  const folder = cacheFolder();
  mkdirSync(folder, { recursive: true });
  const build = spawnSync("go", ["install", MODULE], {
    env: { ...process.env, HOME: homedir(), GOBIN: folder },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const path = join(folder, "minio");
  if (build.error !== undefined) {
    throw new Error("cannot build MinIO: expected `go` on PATH", { cause: build.error });
  }
  if (build.status !== 0 || !isProgram(path)) {
    throw new Error(`cannot build MinIO: \`go install ${MODULE}\` ended with ${build.status}`);
  }
  return path;
}

function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME;
  const isGiven = cache !== undefined && cache !== "";
  return join(isGiven ? cache : join(homedir(), ".cache"), "graft-minio");
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
