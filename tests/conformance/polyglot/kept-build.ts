/** A build is kept until something changes that it was made from. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Runs a program. */
export type Command = readonly [string, ...string[]];

/** Names the contents of files and folders, and further texts. */
export function contentKey(paths: readonly string[], texts: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(texts));
  for (const path of paths.flatMap(filesOf)) {
    hash.update(`\n${path}\n`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

/** What was built with this key; undefined when there is none. */
export function readBuild(cache: string, key: string): Command | undefined {
  const file = join(cache, "build.json");
  if (!existsSync(file)) return undefined;
  const build = JSON.parse(readFileSync(file, "utf8")) as { key: string; command: Command };
  return build.key === key && existsSync(build.command[0]) ? build.command : undefined;
}

/** To be called when it is built. */
export function keepBuild(cache: string, key: string, command: Command): void {
  writeFileSync(join(cache, "build.json"), JSON.stringify({ key, command }));
}

function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}
