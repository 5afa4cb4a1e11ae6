import { GraftError } from "@graft/core";
import { SqliteError } from "@graft/sqlite-engine";
import { describe, expect, test } from "vitest";
import { judgeFailure } from "./judge-failure.ts";

const NEVER = new AbortController().signal;
const UNAVAILABLE = new GraftError("unavailable", "no server");

describe("a transaction that failed when it was run again", () => {
  test.each([
    [new SqliteError(2067, "UNIQUE constraint failed"), "SQLITE_CONSTRAINT_UNIQUE"],
    [new SqliteError(1, "no such table: t"), "SQLITE_ERROR"],
    [new SqliteError(18, "string or blob too big"), "SQLITE_TOOBIG"],
    [new GraftError("invalid-argument", "a bad value"), "invalid-argument"],
    [new RangeError("overdrawn"), "RangeError"],
    ["a text", "error"],
  ])("is rejected for %s", (error, code) => {
    const message = error instanceof Error ? error.message : error;
    expect(judgeFailure(error, NEVER)).toEqual({ kind: "rejected", code, message });
  });

  test.each([
    [new SqliteError(10, "disk I/O error"), "io"],
    [
      new SqliteError(266, "read", { cause: new SqliteError(266, "x", { cause: UNAVAILABLE }) }),
      "unavailable",
    ],
    [new SqliteError(13, "disk is full"), "io"],
    [new SqliteError(7, "out of memory"), "resource-exhausted"],
    [new SqliteError(5, "database is locked"), "busy"],
    [new SqliteError(11, "malformed"), "corrupt"],
    [UNAVAILABLE, "unavailable"],
    [new GraftError("internal", "SQLite crashed"), "internal"],
  ])("is not blamed for %s", (error, code) => {
    expect(() => judgeFailure(error, NEVER)).toThrow(expect.objectContaining({ code }));
  });

  test("is not blamed when somebody gave up", () => {
    const signal = AbortSignal.abort();
    const error = new Error("whatever it threw then");
    expect(() => judgeFailure(error, signal)).toThrow(error);
  });
});
