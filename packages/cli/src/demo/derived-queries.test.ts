import { describe, expect, it } from "vitest";
import { derivedQueries } from "./derived-queries.ts";
import { StockDatabase } from "./stock-database.ts";

function databaseOf(sql: string): StockDatabase {
  const database = new StockDatabase(":memory:");
  database.exec(sql);
  return database;
}

/** Skipped, or the number of rows stock SQLite answers. */
function outcomes(database: StockDatabase): Record<string, string | number> {
  return Object.fromEntries(
    derivedQueries(database).map((query) => [
      query.name,
      "skipped" in query ? "skipped" : database.ask(query.sql, query.parameters).rowCount,
    ]),
  );
}

const NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";

describe("queries derived from a schema", () => {
  it("find a key, an index, a range, a small table and a full text", () => {
    using database = databaseOf(`
      CREATE TABLE small (a); INSERT INTO small VALUES (1), (2);
      CREATE TABLE big (id INTEGER PRIMARY KEY, kind TEXT, body TEXT);
      CREATE INDEX big_kind ON big (kind);
      ${NUMBERS} INSERT INTO big SELECT i, 'kind' || (i % 100), 'text ' || i FROM n;
      CREATE VIRTUAL TABLE big_text USING fts5 (body);
      INSERT INTO big_text SELECT body FROM big;`);
    expect(outcomes(database)).toEqual({
      "key lookup": 1,
      "first index": 30,
      "range of 1,000": 1000,
      "count of the smallest table": 1,
      "full-text match": 20,
    });
  });

  it("skip everything in an empty database", () => {
    using database = databaseOf("CREATE TABLE empty (a)");
    expect(new Set(Object.values(outcomes(database)))).toEqual(new Set(["skipped"]));
  });

  it("use the primary key where there is no rowid, and another name where rowid is a column", () => {
    using withoutRowid = databaseOf(`
      CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
      ${NUMBERS} INSERT INTO pairs SELECT 'x' || (i % 7), i FROM n;`);
    expect(outcomes(withoutRowid)["key lookup"]).toBe(1);
    using shadowed = databaseOf(`
      CREATE TABLE odd (rowid TEXT, "a ""b""" INTEGER);
      CREATE INDEX odd_index ON odd ("a ""b""");
      ${NUMBERS} INSERT INTO odd SELECT 'same', i FROM n;`);
    expect(outcomes(shadowed)).toMatchObject({ "key lookup": 1, "first index": 1 });
  });

  it("leave out partial indexes and those on expressions", () => {
    using database = databaseOf(`
      CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x');
      CREATE INDEX t_partial ON t (a) WHERE b = 'y';
      CREATE INDEX t_expression ON t (lower(b));`);
    expect(outcomes(database)["first index"]).toBe("skipped");
  });
});
