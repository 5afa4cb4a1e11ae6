import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const NUMBERS = [
  ...Array.from({ length: 20 }, (_, at) => `${at + 1}`),
  ...["20a", "20b", "20c", "20d", "20e", "31", "32", "33", "34"],
];

interface Row {
  readonly number: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

/** The rows of the table in docs/pitfalls.md. */
function readRows(): readonly Row[] {
  const text = readFileSync(new URL("docs/pitfalls.md", ROOT), "utf8");
  const lines = text.split("\n").filter((line) => /^\| \d/.test(line));
  return lines.map((line) => {
    const [number = "", , tests = ""] = line.slice(2, -2).split(" | ");
    return { number, tests: readTests(tests) };
  });
}

/** `file` "name", "name"; `file` "name" */
function readTests(cell: string): Row["tests"] {
  return cell.split("; `").flatMap((part) => {
    const file = /^`?([^`]+)`/.exec(part)?.[1] ?? "";
    return [...part.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({ file, name }));
  });
}

describe("the pitfalls", () => {
  it("are all in the table, each with a test", () => {
    const rows = readRows();
    expect(rows.map((row) => row.number)).toEqual(NUMBERS);
    for (const { number, tests } of rows) expect(tests, number).not.toEqual([]);
  });

  it("have the tests that the table names", () => {
    const missing = readRows().flatMap(({ tests }) =>
      tests.filter(({ file, name }) => {
        const url = new URL(file, ROOT);
        return !existsSync(url) || !readFileSync(url, "utf8").includes(name);
      }),
    );
    expect(missing).toEqual([]);
  });
});
