import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The root of the repository. */
export const ROOT: string = join(import.meta.dirname, "../..");

/** A text file of the repository. */
export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Folders that hold nothing written by hand. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set([
  ".cache",
  ".git",
  ".graft",
  ".turbo",
  ".vitest",
  "coverage",
  "dist",
  "gen",
  "node_modules",
]);

/** Files that tools write. */
const SKIPPED_FILES: ReadonlySet<string> = new Set(["pnpm-lock.yaml"]);

/**
 * All hand-written files whose names end so, in order. It does not ask git: an archive has none.
 */
export function readSourceFiles(...endings: readonly string[]): readonly SourceFile[] {
  return walk("")
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

function walk(folder: string): readonly string[] {
  const paths: string[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name)) paths.push(...walk(path));
    } else if (entry.isFile() && !SKIPPED_FILES.has(entry.name)) {
      paths.push(path);
    }
  }
  return paths.sort();
}
