import { writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, type Run, runGraft } from "./testing/run-graft.ts";
import { serveFolder } from "./testing/served-folder.ts";

const served = serveFolder();

beforeAll(async () => {
  makeDatabase(served.at("notes.db"));
  await served.importFile("notes.db", "notes", "data");
});

function sql(words: readonly string[], stdin = ""): Promise<Run> {
  return runGraft(["sql", "notes", ...words, ...served.place("data")], { stdin });
}

describe("graft sql", () => {
  it("prints rows as a list when its output is no terminal", async () => {
    const run = await sql(["SELECT id, kind FROM notes WHERE id < 3; SELECT NULL, x'ca'"]);
    expect(run).toEqual({ code: 0, stdout: "1|kind 1\n2|kind 2\n|x'ca'\n", stderr: "" });
  });

  it("reads statements over lines from stdin", async () => {
    const run = await sql(
      [],
      "SELECT\n  id\nFROM notes -- ; not yet\nWHERE id = 5;\nSELECT 'a\nb'",
    );
    expect(run).toEqual({ code: 0, stdout: "5\na\nb\n", stderr: "" });
  });

  it("carries a transaction over lines", async () => {
    const script =
      "BEGIN;\nUPDATE notes SET kind = 'x';\nROLLBACK;\nSELECT count(*) FROM notes\nWHERE kind = 'x';";
    expect((await sql([], script)).stdout).toBe("0\n");
    const kept =
      "BEGIN;\nUPDATE notes SET kind = 'y' WHERE id = 1;\nCOMMIT;\nSELECT kind FROM notes WHERE id = 1;";
    expect((await sql([], kept)).stdout).toBe("y\n");
  });

  it("ends at the first error with exit code 1, one line, and a transaction rolled back", async () => {
    const script = "BEGIN;\nDELETE FROM notes;\nSELECT * FROM nowhere;\nCOMMIT;";
    const run = await sql([], script);
    expect(run).toEqual({ code: 1, stdout: "", stderr: "graft: no such table: nowhere\n" });
    expect((await sql(["SELECT count(*) FROM notes"])).stdout).toBe("1000\n");
  });

  it("prints one JSON row a line, and errors as JSON on stderr", async () => {
    const rows = await graftJson([
      "sql",
      "notes",
      "SELECT 1 AS a, 2.5 AS b, 'c' AS c, NULL AS d, x'ff' AS e, 9007199254740993 AS f",
      ...served.place("data"),
    ]);
    expect(rows).toEqual([{ a: 1, b: 2.5, c: "c", d: null, e: "x'ff'", f: "9007199254740993" }]);
    const failed = await sql(["SELECT * FROM nowhere", "--json"]);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toBe("");
    expect(JSON.parse(failed.stderr)).toMatchObject({
      error: { code: "SQLITE_ERROR", message: "no such table: nowhere" },
    });
  });

  it.each([
    ["csv", "id,kind\n2,kind 2\n"],
    ["line", "  id = 2\nkind = kind 2\n"],
    ["json", '{"id":2,"kind":"kind 2"}\n'],
    ["table", "id  kind\n──  ──────\n 2  kind 2\n"],
  ])("prints in mode %s", async (mode, expected) => {
    const run = await sql(["--mode", mode, "SELECT id, kind FROM notes WHERE id = 2"]);
    expect(run.stdout).toBe(expected);
  });

  it("has dot commands", async () => {
    writeFileSync(served.at("script.sql"), "SELECT 'from a file';\nSELECT 2");
    const script = [
      ".tables",
      ".schema note%",
      `.read ${served.at("script.sql")}`,
      ".mode line",
      "SELECT 1 AS one;",
      ".quit",
      "SELECT 'never';",
    ];
    const { stdout } = await sql([], script.join("\n"));
    expect(stdout.split("\n")).toEqual([
      "notes",
      "CREATE TABLE notes (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);",
      "CREATE INDEX notes_by_kind ON notes (kind);",
      "from a file",
      "2",
      "one = 1",
      "",
    ]);
  });

  it("says how long a statement took, and what it moved, when asked", async () => {
    const { stderr } = await sql(["--timing", "SELECT count(*) FROM notes"]);
    expect(stderr).toMatch(/^1 row\(s\) in [\d.]+ m?s, \d+ request\(s\), [\d.]+ \S+\n$/);
  });

  it("pushes and pulls between statements", async () => {
    const script = "INSERT INTO notes VALUES (5000, 'new', '');\n.push\n.status\n.pull\n";
    const { code, stdout, stderr } = await sql([], script);
    expect(code).toBe(0);
    expect(stdout).toContain("status   synced");
    expect(stderr).toContain("pushed");
  });

  it("refuses another page size inside VACUUM, with the reason, and nothing changed", async () => {
    const run = await sql(["PRAGMA page_size = 8192; VACUUM"]);
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/^graft: .*page.*size.*\n$/i);
    expect((await sql(["PRAGMA page_size"])).stdout).toBe("4096\n");
  });
});
