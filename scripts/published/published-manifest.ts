/** A package.json of this workspace. */
export interface WorkspaceManifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Exports;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export type Exports = string | { readonly [condition: string]: Exports };

/** The condition under which this workspace reads sources. */
const SOURCE_CONDITION = "@graft/source";

/**
 * The manifest as strangers get it: without the source condition, programs from `dist` (Node strips
 * no types under `node_modules`), the workspace's own packages and the catalog by version.
 */
export function publishedManifest(
  manifest: WorkspaceManifest,
  versionOf: (dependency: string, range: string) => string,
): WorkspaceManifest {
  const { devDependencies: _, scripts: __, exports, bin, dependencies, ...rest } = manifest;
  return {
    ...rest,
    ...(exports === undefined ? {} : { exports: withoutSource(exports) }),
    ...(bin === undefined ? {} : { bin: mapValues(bin, builtPath) }),
    ...(dependencies === undefined ? {} : { dependencies: mapEntries(dependencies, versionOf) }),
  };
}

/** Every file that the manifest's exports and programs name. */
export function publishedFiles(manifest: WorkspaceManifest): readonly string[] {
  return [...targetsOf(manifest.exports ?? {}), ...Object.values(manifest.bin ?? {})];
}

function withoutSource(exports: Exports): Exports {
  if (typeof exports === "string") return exports;
  const kept = Object.entries(exports).filter(([condition]) => condition !== SOURCE_CONDITION);
  return Object.fromEntries(kept.map(([condition, target]) => [condition, withoutSource(target)]));
}

function targetsOf(exports: Exports): readonly string[] {
  return typeof exports === "string" ? [exports] : Object.values(exports).flatMap(targetsOf);
}

function builtPath(path: string): string {
  return path.replace(/^\.\/src\/(.*)\.ts$/, "./dist/$1.js");
}

function mapValues(
  record: Readonly<Record<string, string>>,
  map: (value: string) => string,
): Record<string, string> {
  return mapEntries(record, (_, value) => map(value));
}

function mapEntries(
  record: Readonly<Record<string, string>>,
  map: (key: string, value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(key, value)]));
}
