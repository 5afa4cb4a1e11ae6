import { GraftError } from "@graft/core";
import { SqliteError } from "@graft/sqlite-engine";
import { describe, expect, it } from "vitest";
import { errorFacts, isKnownError, messageOf } from "./describe-error.ts";
import { exitCodeOf } from "./exit-code.ts";
import { UsageError } from "./usage-error.ts";

const OUTAGE = new GraftError("unavailable", "http://db is unreachable", { details: { a: 1 } });

/** As SQLite reports what the volume reported to it. */
function sqliteError(cause: unknown): SqliteError {
  const inner = new SqliteError(266, "told to SQLite", { cause });
  return new SqliteError(266, "disk I/O error", { cause: inner });
}

describe("an error", () => {
  it("of SQLite says what was below it, with its facts", () => {
    const error = sqliteError(OUTAGE);
    expect(messageOf(error)).toBe("disk I/O error: http://db is unreachable");
    expect(errorFacts(error)).toMatchObject({ code: "SQLITE_IOERR_READ", details: { a: 1 } });
  });

  it("of SQLite alone says no more than SQLite, and where", () => {
    const error = new SqliteError(1, 'near "x": syntax error', { offset: 7 });
    expect(errorFacts(error)).toEqual({
      code: "SQLITE_ERROR",
      message: 'near "x": syntax error',
      details: { offset: 7 },
    });
  });

  it("is always one line", () => {
    expect(messageOf(new Error("one\n  two\n"))).toBe("one two ");
  });

  it.each([
    ["wrong usage", new UsageError("no"), 2, true],
    ["wrong input", new GraftError("invalid-argument", "no"), 2, true],
    ["a diverged volume", new GraftError("diverged", "no"), 3, true],
    ["a diverged volume, told by SQL", sqliteError(new GraftError("diverged", "no")), 3, true],
    ["an outage", OUTAGE, 1, true],
    ["an outage, told by SQL", sqliteError(OUTAGE), 1, true],
    ["wrong SQL", new SqliteError(1, "no such table: a"), 1, true],
    ["a refused pragma", sqliteError(new GraftError("invalid-argument", "no")), 1, true],
    ["a bug", new TypeError("undefined is not a function"), 1, false],
  ])("has an exit code: %s", (_what, error, code, isKnown) => {
    expect(exitCodeOf(error)).toBe(code);
    expect(isKnownError(error)).toBe(isKnown);
  });
});
