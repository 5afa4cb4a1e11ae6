import type { SourceFile } from "../repository/files.ts";
import type { Finding } from "../repository/finding.ts";
import { findLongProse, LINE_LENGTH_MAX } from "./prose.ts";

/** Lines of a source file. */
const FILE_LINES_MAX = 400;

/** Words that belong to one workplace and not to the project, and what to write instead. */
const BANNED: readonly { readonly pattern: RegExp; readonly expected: string }[] = [
  {
    pattern: /(?<![\w.})*])\/(?:work|root|home|Users|tmp|var\/folders)\/\w/,
    expected: "no path of one machine",
  },
  {
    pattern: /\b(?:registry\.npmjs|registry\.yarnpkg|npm\.pkg\.github|proxy\.golang|sum\.golang)\b/,
    expected: "no registry host; ordinary clients know theirs",
  },
  { pattern: /\bTODO\b(?!\(#\d+\))/, expected: "TODO(#issue), or no TODO" },
  { pattern: /\b(?:FIXME|XXX|HACK)\b/, expected: "TODO(#issue) or NOTE" },
];

/** The rules themselves must name what they forbid. */
const RULE_FILES: ReadonlySet<string> = new Set([
  "STYLE.md",
  "scripts/tidiness/line-rules.ts",
  "scripts/tidiness/tidiness.test.ts",
]);

/** Objections to the size of a file and to single lines. */
export function checkLines({ path, text }: SourceFile): readonly Finding[] {
  const lines = text.split("\n");
  const long = findLongProse(path, lines).map((at) => ({
    path,
    line: at + 1,
    message: `has ${[...(lines[at] ?? "")].length} characters, expected at most ${LINE_LENGTH_MAX}`,
  }));
  return [...checkSize(path, lines), ...long, ...checkWords(path, lines)];
}

function checkSize(path: string, lines: readonly string[]): readonly Finding[] {
  const count = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  if (!path.endsWith(".ts") || count <= FILE_LINES_MAX) return [];
  const message = `has ${count} lines, expected at most ${FILE_LINES_MAX}`;
  return [{ path, line: FILE_LINES_MAX + 1, message }];
}

function checkWords(path: string, lines: readonly string[]): readonly Finding[] {
  if (RULE_FILES.has(path)) return [];
  const findings: Finding[] = [];
  for (const [at, line] of lines.entries()) {
    for (const { pattern, expected } of BANNED) {
      const word = pattern.exec(line)?.[0];
      if (word === undefined) continue;
      findings.push({ path, line: at + 1, message: `says "${word}", expected ${expected}` });
    }
  }
  return findings;
}
