import { existsSync } from "node:fs";
import { posix } from "node:path";
import type { SourceFile } from "../repository/files.ts";
import type { Finding } from "../repository/finding.ts";

/** `[text](target)`, images too; the target ends at a space or the bracket. */
const LINK = /\]\(\s*<?([^)\s>]+)>?[^)]*\)/g;

/** Relative links of a document that lead nowhere. `root` is where the repository lies. */
export function findBrokenLinks(file: SourceFile, root: string): readonly Finding[] {
  const findings: Finding[] = [];
  let isInCode = false;
  for (const [at, line] of file.text.split("\n").entries()) {
    if (line.trimStart().startsWith("```")) isInCode = !isInCode;
    if (isInCode) continue;
    for (const [, target = ""] of line.replace(/`[^`]*`/g, "").matchAll(LINK)) {
      if (/^(?:[a-z][a-z+.-]*:|#)/i.test(target)) continue;
      const path = posix.join(posix.dirname(file.path), decodeURI(target.replace(/[?#].*$/, "")));
      if (existsSync(posix.join(root, path))) continue;
      const message = `links to "${target}", expected a file there`;
      findings.push({ path: file.path, line: at + 1, message });
    }
  }
  return findings;
}
