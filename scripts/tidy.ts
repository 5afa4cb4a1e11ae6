/**
 * Checks what no compiler and no linter looks at: sizes, words, dead files, links.
 *
 * `tidy.ts --fix [path…]` first wraps the long lines of comments and documents under these paths.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, readSourceFiles, type SourceFile } from "./repository/files.ts";
import { reportFindings } from "./repository/finding.ts";
import { findDeadFiles } from "./tidiness/dead-files.ts";
import { checkLines } from "./tidiness/line-rules.ts";
import { findBrokenLinks } from "./tidiness/links.ts";
import { wrapProse } from "./tidiness/prose.ts";

const [flag, ...paths] = process.argv.slice(2);
if (flag === "--fix") wrapUnder(paths);

const files = read();
const documents = files.filter(({ path }) => path.endsWith(".md"));
reportFindings("tidy", [
  ...files.flatMap(checkLines),
  ...findDeadFiles(files),
  ...documents.flatMap((file) => findBrokenLinks(file, ROOT)),
]);

function read(): readonly SourceFile[] {
  return readSourceFiles(".ts", ".md", ".json", ".yaml", ".proto", ".grit", ".ci/run");
}

function wrapUnder(paths: readonly string[]): void {
  for (const { path, text } of read()) {
    if (!paths.some((each) => path === each || path.startsWith(`${each}/`))) continue;
    const wrapped = wrapProse(path, text);
    if (wrapped !== text) writeFileSync(join(ROOT, path), wrapped);
  }
}
