/** What a TypeScript file imports, read from its text as biome formats it. */
import { posix } from "node:path";

export interface Import {
  readonly specifier: string;
  /** From 1. */
  readonly line: number;
}

/** Static imports begin a line; the specifier may be lines below. */
const STATIC = /^(?:import|export)\b(?:[^"'`;]*?\bfrom)?\s*"([^"\n]+)";?$/gm;
/** `import("…")`, for values and types. */
const DYNAMIC = /\bimport\(\s*"([^"\n]+)"/g;
/** A script named by its path, as workers and child processes are. */
const SCRIPT_PATH = /"((?:\.{1,2}\/)*[\w./-]+\.(?:ts|grit))"/g;

/** Imports of the file, in order. Text inside comments does not count. */
export function importsOf(text: string): readonly Import[] {
  const code = withoutComments(text);
  return [...matches(code, STATIC), ...matches(code, DYNAMIC)].sort((a, b) => a.line - b.line);
}

/** Paths from the root that the file may mean: by import, or by naming a script file. */
export function filesNamedBy(path: string, text: string): readonly string[] {
  const folder = posix.dirname(path);
  const named = [...importsOf(text), ...matches(text, SCRIPT_PATH)];
  // Scripts name each other from the root.
  return named.flatMap(({ specifier }) => [posix.join(folder, specifier), specifier]);
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Blanks whole-line comments and blocks, keeping line numbers. */
function withoutComments(text: string): string {
  const blank = (comment: string): string => comment.replace(/[^\n]/g, " ");
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, blank).replace(/^\s*\/\/.*$/gm, blank);
}

function* matches(text: string, pattern: RegExp): Generator<Import> {
  for (const match of text.matchAll(pattern)) {
    if (match[1] !== undefined) {
      yield { specifier: match[1], line: lineAt(text, match.index + match[0].indexOf(match[1])) };
    }
  }
}
