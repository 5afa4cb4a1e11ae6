import { posix } from "node:path";
import type { SourceFile } from "../repository/files.ts";
import type { Finding } from "../repository/finding.ts";
import { filesNamedBy } from "../repository/imports.ts";

/**
 * Source files that nobody imports and that are no entry. Entries are what a package.json, the CI
 * script or a configuration names, `main.ts`, and tests; what only a dead file imports is dead too.
 */
export function findDeadFiles(files: readonly SourceFile[]): readonly Finding[] {
  const sources = new Map(files.filter(isSource).map((file) => [file.path, file]));
  const alive = new Set<string>();
  const next = [...sources.keys()].filter(isEntry);
  for (const file of files) {
    if (isConfiguration(file.path)) next.push(...pathsIn(file));
  }
  for (let path = next.pop(); path !== undefined; path = next.pop()) {
    const file = sources.get(path);
    if (file === undefined || alive.has(path)) continue;
    alive.add(path);
    next.push(...filesNamedBy(path, file.text));
  }
  return [...sources.keys()]
    .filter((path) => !alive.has(path))
    .map((path) => ({
      path,
      line: 1,
      message: "is used by nobody, expected an import or no file",
    }));
}

function isSource({ path }: SourceFile): boolean {
  return path.endsWith(".ts") || path.endsWith(".grit");
}

function isEntry(path: string): boolean {
  return path.endsWith(".test.ts") || path.endsWith("/main.ts") || path.endsWith(".config.ts");
}

function isConfiguration(path: string): boolean {
  return path.endsWith(".json") || path.endsWith(".yaml") || path === ".ci/run";
}

/** Paths a configuration file names, relative to its own folder. */
function pathsIn({ path, text }: SourceFile): readonly string[] {
  const folder = path === ".ci/run" ? "" : posix.dirname(path);
  const names = text.match(/[\w./-]+\.(?:ts|grit)\b/g) ?? [];
  return names.map((name) => posix.join(folder, name));
}
