import type { SqlValue } from "@graft/sqlite-engine";
import { describe, expect, it } from "vitest";
import { createRowPrinter, type Mode, rowObject } from "./row-format.ts";

const ROWS: readonly (readonly SqlValue[])[] = [
  [1n, "plain", null],
  [20n, 'a "quoted", two\nlines', new Uint8Array([0xca, 0xfe])],
];

function print(
  mode: Mode,
  rows = ROWS,
  columns: readonly string[] = ["id", "text", "more"],
): string {
  let text = "";
  const write = (part: string): void => {
    text += part;
  };
  const printer = createRowPrinter({ mode, columns, write });
  for (const row of rows) printer.row(row);
  printer.end();
  return text;
}

describe("rows", () => {
  it("come as a table with numbers to the right and one line a row", () => {
    expect(
      print("table", [
        [1n, "plain", null],
        [20n, "two\nlines", new Uint8Array([0xca])],
      ]),
    ).toBe(
      "id  text        more\n" +
        "──  ──────────  ─────\n" +
        " 1  plain       NULL\n" +
        "20  two\\nlines  x'ca'\n",
    );
  });

  it("come as a list", () => {
    expect(print("list")).toBe("1|plain|\n20|a \"quoted\", two\nlines|x'cafe'\n");
  });

  it("come as CSV with a header, quoted where it must be", () => {
    expect(print("csv")).toBe('id,text,more\n1,plain,\n20,"a ""quoted"", two\nlines",x\'cafe\'\n');
  });

  it("come as one JSON object a line", () => {
    const lines = print("json").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { id: 1, text: "plain", more: null },
      { id: 20, text: 'a "quoted", two\nlines', more: "x'cafe'" },
    ]);
  });

  it("come as lines of name = value", () => {
    expect(print("line", [[1n, "plain", null]])).toBe("  id = 1\ntext = plain\nmore = \n");
  });

  it("show REAL values as such", () => {
    const values = [2, 2.5, -0.125, 1e300, Number.POSITIVE_INFINITY];
    expect(print("list", [values], ["a", "b", "c", "d", "e"])).toBe(
      "2.0|2.5|-0.125|1.0e+300|Inf\n",
    );
  });

  it("print nothing for a statement without columns", () => {
    expect(print("table", [], [])).toBe("");
  });

  it("stream beyond the measured ones with the same widths", () => {
    const rows = Array.from({ length: 1_500 }, (_row, at): SqlValue[] => [BigInt(at), "x"]);
    const lines = print("table", rows, ["n", "t"]).trimEnd().split("\n");
    expect(lines).toHaveLength(1_502);
    expect(lines.at(-1)).toBe("1499  x");
  });
});

describe("a row object", () => {
  it("keeps both of two columns with one name", () => {
    expect(rowObject(["id", "id"], [1, 2])).toEqual({ id: 1, "id:2": 2 });
  });
});
