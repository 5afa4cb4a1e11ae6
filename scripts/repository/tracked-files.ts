import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, readSourceFiles, type SourceFile } from "./files.ts";

const LIST_SIZE_MAX = 16 * 1024 * 1024;

/**
 * All files that a commit takes or would take, whatever wrote them; bytes that are no text are read
 * as if they were. Without git (an archive): all hand-written ones.
 */
export function readTrackedFiles(): readonly SourceFile[] {
  const words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const git = spawnSync("git", words, { cwd: ROOT, encoding: "utf8", maxBuffer: LIST_SIZE_MAX });
  if (git.status !== 0) return readSourceFiles("");
  const paths = git.stdout.split("\0").filter((path) => path !== "");
  return paths
    .filter((path) => existsSync(join(ROOT, path)))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "latin1") }));
}
