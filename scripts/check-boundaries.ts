/** Checks imports, dependencies and project references against the arrows of DESIGN §2. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkImports, type Declared } from "./boundaries/import-rules.ts";
import { checkManifest, declaredBy, type Manifest } from "./boundaries/manifest-rules.ts";
import { ROOT, readSourceFiles } from "./repository/files.ts";
import { type Finding, reportFindings } from "./repository/finding.ts";

const findings: Finding[] = [];
const declaredIn = new Map<string, Declared>();
for (const name of readdirSync(join(ROOT, "packages"))) {
  if (!existsSync(join(ROOT, "packages", name, "package.json"))) continue;
  const manifest: Manifest = readJson(`packages/${name}/package.json`);
  declaredIn.set(name, declaredBy(manifest));
  findings.push(...checkManifest(name, manifest, readReferences(name)));
}

const nothing: Declared = { runtime: new Set(), development: new Set() };
for (const file of readSourceFiles(".ts")) {
  const packageName = /^packages\/([^/]+)\//.exec(file.path)?.[1] ?? "";
  findings.push(...checkImports(file, declaredIn.get(packageName) ?? nothing));
}
reportFindings("boundaries", findings);

function readReferences(name: string): readonly string[] {
  const config = readJson<{ references?: readonly { readonly path: string }[] }>(
    `packages/${name}/tsconfig.json`,
  );
  return (config.references ?? []).map(({ path }) => path);
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as T;
}
