/**
 * Checks each package as strangers will get it: builds it, makes the published manifest, lets
 * publint judge it, and imports every entry from `dist` (test doubles aside: those need a test
 * runner).
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import {
  publishedFiles,
  publishedManifest,
  type WorkspaceManifest,
} from "./published/published-manifest.ts";
import { ROOT } from "./repository/files.ts";
import { type Finding, reportFindings } from "./repository/finding.ts";
import { runProgram } from "./stages/run-program.ts";

await build();
const stage = mkdtempSync(join(tmpdir(), "graft-exports-"));
try {
  const names = readdirSync(join(ROOT, "packages")).filter((name) => existsSync(manifestOf(name)));
  const findings: Finding[] = [];
  for (const name of names) findings.push(...(await checkPackage(name)));
  findings.push(...(await importAll(names)));
  reportFindings("exports", findings);
} finally {
  rmSync(stage, { recursive: true, force: true });
}

async function build(): Promise<void> {
  const { isOk, output } = await runProgram(["tsc", "-b"]);
  if (!isOk) throw new Error(`the packages do not build: ${output}`);
}

function manifestOf(name: string): string {
  return join(ROOT, "packages", name, "package.json");
}

async function checkPackage(name: string): Promise<readonly Finding[]> {
  const folder = join(ROOT, "packages", name);
  const manifest = publishedManifest(readManifest(name), versionOf);
  const copy = join(stage, name);
  mkdirSync(copy);
  for (const part of ["dist", "src", "README.md"]) {
    if (existsSync(join(folder, part))) {
      cpSync(join(folder, part), join(copy, part), { recursive: true });
    }
  }
  writeFileSync(join(copy, "package.json"), JSON.stringify(manifest, undefined, 2));
  const path = `packages/${name}/package.json`;
  const missing = publishedFiles(manifest)
    .filter((file) => !existsSync(join(copy, file)))
    .map((file) => ({ path, line: 1, message: `names "${file}", expected the build to make it` }));
  const { messages } = await publint({ pkgDir: copy, pack: false, strict: true });
  const judged = messages
    .filter((message) => message.type !== "suggestion")
    .map((message) => formatMessage(message, JSON.parse(JSON.stringify(manifest)), {}) ?? "")
    .map((text) => ({ path, line: 1, message: `publint: ${text}, expected sound exports` }));
  return [...missing, ...judged];
}

/** In a process of its own, without the source condition: that is how strangers import. */
async function importAll(names: readonly string[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const name of names) {
    const entries = Object.keys((readManifest(name).exports as object | undefined) ?? {})
      .filter((entry) => entry !== "./testing")
      .map((entry) => `@graft/${name}${entry.slice(1)}`);
    const program = entries.map((entry) => `await import(${JSON.stringify(entry)});`).join("");
    const from = join(ROOT, "packages", name, "dist", "import-check.mjs");
    writeFileSync(from, program);
    const { isOk, output } = await runProgram(["node", from]);
    rmSync(from);
    if (isOk) continue;
    const message = `does not load: ${output.trim()}, expected ${entries.join(" ")} to import`;
    findings.push({ path: `packages/${name}/package.json`, line: 1, message });
  }
  return findings;
}

function readManifest(name: string): WorkspaceManifest {
  return JSON.parse(readFileSync(manifestOf(name), "utf8")) as WorkspaceManifest;
}

function versionOf(dependency: string, range: string): string {
  if (range !== "workspace:*") return range.replace(/^catalog:$/, "*");
  return readManifest(dependency.replace("@graft/", "")).version;
}
