import { describe, expect, test } from "vitest";
import { ROOT } from "../repository/files.ts";
import { findDeadFiles } from "./dead-files.ts";
import { checkLines } from "./line-rules.ts";
import { findBrokenLinks } from "./links.ts";
import { wrapProse } from "./prose.ts";

const long = "word ".repeat(30).trim();

function messages(path: string, text: string): readonly string[] {
  return checkLines({ path, text }).map(({ line, message }) => `${line}: ${message}`);
}

describe("a line is refused when", () => {
  test.each([
    ["it names a folder of one machine", 'const root = "/home/me/graft";', '"/home/m"'],
    ["it names a temporary file", "see /tmp/out.log", '"/tmp/o"'],
    ["it owes work to nobody", "// TODO later", "TODO(#issue)"],
    ["it marks work in another way", "// FIXME", "NOTE"],
    ["it names a package registry", `https://registry.${"npmjs"}.org/x`, "no registry host"],
  ])("%s", (_, text, expected) => {
    expect(messages("a.ts", text)).toEqual([expect.stringContaining(expected)]);
  });

  test("it is a long comment or a long line of a document", () => {
    const message = "1: has 152 characters, expected at most 100";
    expect(messages("a.ts", `// ${long}`)).toEqual([message]);
    expect(messages("a.md", `${long}x  `)).toEqual([message]);
  });
});

test.each([
  ["an issue's TODO", "a.ts", "// TODO(#12): more"],
  ["a path that only looks like one", "a.ts", 'import { x } from "../work/x.ts"; // a/tmp/b'],
  ["a table", "a.md", `| ${long} |`],
  ["code in a document", "a.md", `\`\`\`\n${long}\n\`\`\``],
  ["a long string, which biome let pass", "a.ts", `const text = "${long}";`],
])("%s is fine", (_, path, text) => {
  expect(messages(path, text)).toEqual([]);
});

test("a file of 401 lines is refused, one of 400 is not", () => {
  expect(messages("a.ts", "x;\n".repeat(400))).toEqual([]);
  expect(messages("a.ts", "x;\n".repeat(401))).toEqual([
    "401: has 401 lines, expected at most 400",
  ]);
});

describe("wrapping", () => {
  test("moves what does not fit to the next line of the same paragraph", () => {
    const text = `/**\n * ${long}\n * and more\n *\n * other\n */\n`;
    const words = long.split(" ");
    const first = words.slice(0, 19).join(" ");
    const rest = words.slice(19).join(" ");
    expect(wrapProse("a.ts", text)).toBe(
      `/**\n * ${first}\n * ${rest} and more\n *\n * other\n */\n`,
    );
  });

  test("opens a one-line comment, and hangs the lines of a list", () => {
    const opened = wrapProse("a.ts", `/** ${long} */\n`).split("\n");
    expect([opened[0], opened.at(-2)]).toEqual(["/**", " */"]);
    const list = wrapProse("a.md", `- ${long}\n- next\n`).split("\n");
    expect(list[1]).toMatch(/^ {2}word/);
    expect(list.at(-2)).toBe("- next");
  });

  test("changes nothing a second time, and loses no word", () => {
    const text = `// ${long} ${long}\n// ${long}\ncode();\n`;
    const wrapped = wrapProse("a.ts", text);
    expect(wrapProse("a.ts", wrapped)).toBe(wrapped);
    expect(wrapped.match(/word/g)).toHaveLength(90);
    expect(Math.max(...wrapped.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test("leaves alone what has no place to break", () => {
    const text = `// ${"x".repeat(120)}\n`;
    expect(wrapProse("a.ts", text)).toBe(text);
  });
});

describe("a file is dead when nobody reaches it from an entry", () => {
  const file = (path: string, text = ""): { path: string; text: string } => ({ path, text });

  test("by import, by name as a worker, or by a configuration", () => {
    const files = [
      file("p/package.json", '{ "exports": { ".": "./src/index.ts" } }'),
      file("p/src/index.ts", 'export { a } from "./a.ts";\n'),
      file("p/src/a.ts", 'const worker = new URL("./worker.ts", import.meta.url);'),
      file("p/src/worker.ts", 'await import("./late.ts");'),
      file("p/src/late.ts"),
      file("p/src/a.test.ts", 'import "./helper.ts";\n'),
      file("p/src/helper.ts"),
      file("p/src/dead.ts", 'import "./dead-friend.ts";\n'),
      file("p/src/dead-friend.ts", 'import "./dead.ts";\n'),
    ];
    const dead = findDeadFiles(files).map(({ path }) => path);
    expect(dead).toEqual(["p/src/dead.ts", "p/src/dead-friend.ts"]);
  });
});

test("a link to nowhere is found; anchors, addresses and code are not links to files", () => {
  const text = [
    "[there](README.md#top) [nowhere](no/file.md) [up](#a) [web](https://example.org/x)",
    "`[code](no.md)`",
    "```",
    "[block](no.md)",
    "```",
  ].join("\n");
  const findings = findBrokenLinks({ path: "packages/core/x.md", text }, ROOT);
  expect(findings.map(({ line, message }) => `${line}: ${message}`)).toEqual([
    '1: links to "no/file.md", expected a file there',
  ]);
});
