import type { Finding } from "../repository/finding.ts";
import { ARROWS, DEPENDENCY_FREE } from "./arrows.ts";
import type { Declared } from "./import-rules.ts";

/** The parts of a package.json that say what it depends on. */
export interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The names a manifest declares. */
export function declaredBy(manifest: Manifest): Declared {
  const development = { ...manifest.devDependencies, ...manifest.peerDependencies };
  return {
    runtime: new Set(Object.keys(manifest.dependencies ?? {})),
    development: new Set(Object.keys(development)),
  };
}

/**
 * Objections to a package's dependencies, and to its tsconfig references, which must be the same.
 */
export function checkManifest(
  packageName: string,
  manifest: Manifest,
  references: readonly string[],
): readonly Finding[] {
  const path = `packages/${packageName}/package.json`;
  const arrows = ARROWS[packageName];
  if (arrows === undefined) {
    const message = `the package "${packageName}" has no arrows, expected it in DESIGN §2`;
    return [{ path, line: 1, message }];
  }
  const findings: Finding[] = [];
  if (manifest.name !== `@graft/${packageName}`) {
    const message = `is named "${manifest.name}", expected "@graft/${packageName}"`;
    findings.push({ path, line: 1, message });
  }
  const declared = declaredBy(manifest);
  const names = [...declared.runtime, ...declared.development];
  for (const name of names.filter((each) => each.startsWith("@graft/"))) {
    if (arrows.includes(name.slice("@graft/".length))) continue;
    const message = `depends on "${name}", expected no arrow from ${packageName} to it`;
    findings.push({ path, line: 1, message });
  }
  if (DEPENDENCY_FREE.has(packageName)) {
    for (const name of declared.runtime) {
      if (name.startsWith("@graft/")) continue;
      findings.push({
        path,
        line: 1,
        message: `depends on "${name}", expected no outside package`,
      });
    }
  }
  return [...findings, ...checkReferences(packageName, declared, references)];
}

function checkReferences(
  packageName: string,
  declared: Declared,
  references: readonly string[],
): readonly Finding[] {
  const path = `packages/${packageName}/tsconfig.json`;
  const needed = [...declared.runtime, ...declared.development]
    .filter((name) => name.startsWith("@graft/"))
    .map((name) => `../${name.slice("@graft/".length)}`);
  const missing = needed
    .filter((reference) => !references.includes(reference))
    .map((reference) => `lacks the reference "${reference}", expected one for each dependency`);
  const extra = references
    .filter((reference) => !needed.includes(reference))
    .map((reference) => `has the reference "${reference}", expected a dependency behind it`);
  return [...missing, ...extra].map((message) => ({ path, line: 1, message }));
}
