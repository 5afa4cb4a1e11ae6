import { describe, expect, it } from "vitest";
import { compareDatabases } from "./compare-databases.ts";
import { StockDatabase } from "./stock-database.ts";

const SCHEMA = `
  CREATE TABLE t (a INTEGER PRIMARY KEY, b);
  CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
  CREATE VIRTUAL TABLE words USING fts5 (text);
  INSERT INTO t VALUES (1, 1), (2, 2.0), (3, 'three'), (4, x'04'), (5, NULL), (6, 9007199254740993);
  INSERT INTO pairs VALUES ('x', 1), ('y', 2);
  INSERT INTO words VALUES ('one two');`;

function compare(change: string) {
  using left = new StockDatabase(":memory:");
  using right = new StockDatabase(":memory:");
  left.exec(SCHEMA);
  right.exec(SCHEMA);
  right.exec(change);
  return compareDatabases(left, right, { withShadowTables: true });
}

describe("two databases", () => {
  it("with the same rows are equal, table by table", () => {
    const { equal, differences } = compare("");
    expect(differences).toEqual([]);
    expect(equal).toEqual(expect.arrayContaining(["t", "pairs", "words", "words_data"]));
  });

  it.each([
    ["a value", "UPDATE t SET b = 'tree' WHERE a = 3", "table t: row 3 differs"],
    ["a type alone", "UPDATE t SET b = 2 WHERE a = 2", "table t: row 2 differs"],
    ["the last bit of 64", "UPDATE t SET b = b - 1 WHERE a = 6", "table t: row 6 differs"],
    ["bytes", "UPDATE t SET b = x'05' WHERE a = 4", "table t: row 4 differs"],
    ["a missing row", "DELETE FROM t WHERE a = 6", "table t: row 6 is missing"],
    ["another row", "INSERT INTO pairs VALUES ('z', 3)", "table pairs: more than 2 row(s)"],
    [
      "an index",
      "CREATE INDEX i ON t (b)",
      "added to the schema: index i t CREATE INDEX i ON t (b)",
    ],
    ["a missing table", "DROP TABLE pairs", "missing in the schema: table pairs"],
  ])("differ in %s", (_what, change, expected) => {
    const { differences } = compare(change);
    expect(differences.join("\n")).toContain(expected);
  });
});
