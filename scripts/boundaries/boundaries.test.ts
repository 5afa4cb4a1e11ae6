import { describe, expect, test } from "vitest";
import { ARROWS } from "./arrows.ts";
import { checkImports, type Declared } from "./import-rules.ts";
import { checkManifest } from "./manifest-rules.ts";

const declared: Declared = {
  runtime: new Set(["@graft/core", "@graft/object-store", "@bufbuild/protobuf", "pino"]),
  development: new Set(["fast-check", "@graft/splinter"]),
};

function objections(path: string, ...lines: readonly string[]): readonly string[] {
  const findings = checkImports({ path, text: `${lines.join("\n")}\n` }, declared);
  return findings.map(({ line, message }) => `${line}: ${message}`);
}

describe("an import is refused", () => {
  test.each([
    ["against an arrow", "packages/client/src/a.ts", "@graft/object-store", "no arrow"],
    ["of an undeclared package", "packages/client/src/a.ts", "@graft/rpc", "dependencies"],
    ["of an undeclared library", "packages/client/src/a.ts", "left-pad", "dependencies"],
    ["of a package's files", "packages/client/src/a.ts", "@graft/core/src/lsn.ts", "entries"],
    ["of another folder", "packages/client/src/a.ts", "../../core/src/lsn.ts", "by its name"],
    ["from a test of another folder", "tests/e2e/a.ts", "../../packages/core/src/lsn.ts", "name"],
    ["of the table of contents", "packages/core/src/a/b.ts", "../index.ts", "holds the name"],
    ["without its ending", "packages/core/src/a.ts", "./b", "explicit .ts"],
    ["of Node in neutral code", "packages/client/src/a.ts", "node:fs", "src/node"],
    ["of a Node library in neutral code", "packages/client/src/a.ts", "pino", "src/node"],
    ["of the Node entry in neutral code", "packages/client/src/a.ts", "@graft/core/node", "handed"],
    ["of a Node file in neutral code", "packages/client/src/a.ts", "./node/b.ts", "handed in"],
    ["of test doubles in code", "packages/client/src/a.ts", "@graft/core/testing", "shipped"],
    ["of own test doubles in code", "packages/client/src/a.ts", "./testing/b.ts", "shipped"],
  ])("%s", (_, path, specifier, expected) => {
    expect(objections(path, `import { x } from "${specifier}";`)).toEqual([
      expect.stringContaining(expected),
    ]);
  });
});

test("every form of import counts, with its line; comments and text do not", () => {
  const path = "packages/client/src/a.ts";
  const found = objections(
    path,
    '// import "node:a";',
    "/*",
    'import "node:b";',
    "*/",
    'import type { X } from "node:c";',
    "export {",
    "  y,",
    '} from "node:d";',
    'const z = await import("node:e");',
    'const text = `import "node:f";`;',
  );
  expect(found.map((each) => each.slice(0, 19))).toEqual([
    '5: imports "node:c"',
    '8: imports "node:d"',
    '9: imports "node:e"',
  ]);
});

test.each([
  ["packages/client/src/node/a.ts", "node:fs"],
  ["packages/client/src/a.test.ts", "node:fs"],
  ["packages/client/src/a.test.ts", "vitest"],
  ["packages/client/src/testing/a.ts", "@graft/core/testing"],
  ["packages/metastore/src/main.ts", "@graft/core/node"],
  ["packages/metastore/src/a.ts", "pino"],
  ["packages/core/src/testing/a.ts", "fast-check"],
  ["tests/e2e/a.ts", "@graft/client"],
  ["scripts/a.ts", "node:fs"],
])("%s may import %s", (path, specifier) => {
  expect(objections(path, `import { x } from "${specifier}";`)).toEqual([]);
});

describe("a package.json is refused", () => {
  const manifest = { name: "@graft/core", dependencies: { "@graft/splinter": "workspace:*" } };

  test("not when dependencies, arrows and references agree", () => {
    expect(checkManifest("core", manifest, ["../splinter"])).toEqual([]);
  });

  test.each([
    ["for a dependency against an arrow", { "@graft/splinter": "", "@graft/rpc": "" }, "no arrow"],
    ["for an outside package in core", { "@graft/splinter": "", zod: "" }, "no outside package"],
  ])("%s", (_, dependencies, expected) => {
    const found = checkManifest("core", { ...manifest, dependencies }, ["../splinter", "../rpc"]);
    expect(found.map(({ message }) => message)).toContainEqual(expect.stringContaining(expected));
  });

  test("when references miss a dependency or name something else", () => {
    const found = checkManifest("core", manifest, ["../format"]);
    expect(found.map(({ message }) => message)).toEqual([
      expect.stringContaining('lacks the reference "../splinter"'),
      expect.stringContaining('has the reference "../format"'),
    ]);
  });

  test("when its folder is in no arrow, or its name is not the folder's", () => {
    expect(checkManifest("new", { name: "@graft/new" }, [])).toHaveLength(1);
    expect(checkManifest("splinter", { name: "splinter" }, [])).toHaveLength(1);
  });
});

test("the arrows have no cycle", () => {
  const order: string[] = [];
  const visit = (name: string, above: readonly string[]): void => {
    expect(above).not.toContain(name);
    for (const next of ARROWS[name] ?? []) visit(next, [...above, name]);
    order.push(name);
  };
  for (const name of Object.keys(ARROWS)) visit(name, []);
  expect(order).toContain("cli");
});
