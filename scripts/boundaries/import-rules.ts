import { posix } from "node:path";
import type { SourceFile } from "../repository/files.ts";
import type { Finding } from "../repository/finding.ts";
import { importsOf } from "../repository/imports.ts";
import { ARROWS, NEUTRAL, NODE_ONLY, TEST_TOOLS } from "./arrows.ts";

/** What a file is, by its path. */
interface Place {
  /** Folder under `packages/`; undefined in tests, scripts and at the root. */
  readonly packageName: string | undefined;
  readonly isTest: boolean;
  readonly isTesting: boolean;
  /** Allowed to touch Node: `./node` entries, programs, tests. */
  readonly isNodePlace: boolean;
}

/** Names an importing file may use, from its package.json. */
export interface Declared {
  readonly runtime: ReadonlySet<string>;
  readonly development: ReadonlySet<string>;
}

/**
 * Objections to the imports of one file. `declared` is what the package.json nearest to it names.
 */
export function checkImports(file: SourceFile, declared: Declared): readonly Finding[] {
  const place = placeOf(file.path);
  const findings: Finding[] = [];
  for (const { specifier, line } of importsOf(file.text)) {
    const object = (message: string): void =>
      void findings.push({ path: file.path, line, message });
    if (specifier.startsWith(".")) checkRelative(file.path, specifier, place, object);
    else if (specifier.startsWith("node:")) checkNode(specifier, place, object);
    else if (specifier.startsWith("@graft/")) checkPackage(specifier, place, declared, object);
    else checkExternal(specifier, place, declared, object);
  }
  return findings;
}

type Object = (message: string) => void;

function placeOf(path: string): Place {
  const parts = path.split("/");
  const packageName = parts[0] === "packages" ? parts[1] : undefined;
  const isTest = path.endsWith(".test.ts");
  const isProgram =
    parts.at(-1) === "main.ts" || packageName === "cli" || packageName === undefined;
  const isTesting = parts[3] === "testing";
  const isForNode = parts[3] === "node" || !NEUTRAL.has(packageName ?? "");
  return {
    packageName,
    isTest,
    isTesting,
    isNodePlace: isTest || isTesting || isProgram || isForNode,
  };
}

function checkRelative(path: string, specifier: string, place: Place, object: Object): void {
  const target = posix.join(posix.dirname(path), specifier);
  const home = place.packageName === undefined ? undefined : `packages/${place.packageName}/`;
  if (home !== undefined && !target.startsWith(home)) {
    object(`imports "${specifier}" outside its package, expected a package by its name`);
  }
  if (home === undefined && target.startsWith("packages/")) {
    object(`imports "${specifier}" from a package's files, expected the package by its name`);
  }
  if (home !== undefined && posix.basename(target) === "index.ts") {
    object(`imports the table of contents "${specifier}", expected the file that holds the name`);
  }
  if (!/\.(ts|wasm|json)$/.test(specifier)) {
    object(`imports "${specifier}", expected an explicit .ts ending`);
  }
  if (target.startsWith(`${home}src/node/`) && !place.isNodePlace) {
    object(`imports "${specifier}" from a neutral file, expected an interface handed in`);
  }
  if (target.startsWith(`${home}src/testing/`) && !place.isTest && !place.isTesting) {
    object(`imports "${specifier}" outside of tests, expected no test double in shipped code`);
  }
}

function checkNode(specifier: string, place: Place, object: Object): void {
  if (place.isNodePlace) return;
  object(`imports "${specifier}" in a runtime-neutral package, expected it only under src/node`);
}

function checkPackage(specifier: string, place: Place, declared: Declared, object: Object): void {
  const [, name = "", entry] = specifier.split("/");
  if (specifier.split("/").length > 3 || entry === "src") {
    object(`imports "${specifier}", expected "@graft/${name}" or one of its entries`);
  }
  if (place.packageName === undefined) return;
  if (name === place.packageName) {
    // A test may start a program that uses the package as strangers do.
    if (!place.isTest) object(`imports its own package "${specifier}", expected a relative import`);
    return;
  }
  if (!(ARROWS[place.packageName] ?? []).includes(name)) {
    object(`imports "${specifier}", expected no arrow from ${place.packageName} to ${name}`);
  }
  if (!declared.runtime.has(`@graft/${name}`) && !declared.development.has(`@graft/${name}`)) {
    object(`imports "${specifier}", expected it among the package's dependencies`);
  }
  if (entry === "testing" && !place.isTest && !place.isTesting) {
    object(`imports "${specifier}" outside of tests, expected no test double in shipped code`);
  }
  if (entry === "node" && !place.isNodePlace) {
    object(`imports "${specifier}" from a neutral file, expected an interface handed in`);
  }
}

function checkExternal(specifier: string, place: Place, declared: Declared, object: Object): void {
  const parts = specifier.split("/");
  const name = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
  const isForTests = place.isTest || place.isTesting;
  if (isForTests && TEST_TOOLS.has(name)) return;
  const isDeclared = declared.runtime.has(name) || (isForTests && declared.development.has(name));
  if (place.packageName !== undefined && !isDeclared) {
    object(`imports "${specifier}", expected it among the package's dependencies`);
  }
  if (NODE_ONLY.has(name) && !place.isNodePlace) {
    object(`imports "${specifier}" in a runtime-neutral package, expected it only under src/node`);
  }
}
