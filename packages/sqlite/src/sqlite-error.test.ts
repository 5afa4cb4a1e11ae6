import { ERROR_MANUAL, GraftError, type GraftErrorCode } from "@graft/core";
import { resultCodeName, SqliteError } from "@graft/sqlite-engine";
import { describe, expect, test } from "vitest";
import { isBusy, resultCodeOf, toSqliteError } from "./sqlite-error.ts";

const EXPECTED: Readonly<Record<GraftErrorCode, string>> = {
  "invalid-argument": "SQLITE_ERROR",
  "not-found": "SQLITE_IOERR_READ",
  rejected: "SQLITE_BUSY_SNAPSHOT",
  diverged: "SQLITE_ERROR",
  unauthenticated: "SQLITE_PERM",
  "permission-denied": "SQLITE_PERM",
  unavailable: "SQLITE_IOERR_READ",
  "resource-exhausted": "SQLITE_FULL",
  corrupt: "SQLITE_CORRUPT",
  io: "SQLITE_IOERR_READ",
  busy: "SQLITE_BUSY",
  "busy-snapshot": "SQLITE_BUSY_SNAPSHOT",
  internal: "SQLITE_INTERNAL",
};

describe("an error of ours in SQLite's words", () => {
  test.each(Object.keys(ERROR_MANUAL) as GraftErrorCode[])("%s", (code) => {
    const error = new GraftError(code, "why");
    const translated = toSqliteError(error, "read");
    expect(translated.codeName).toBe(EXPECTED[code]);
    expect(translated).toMatchObject({ message: "why", cause: error });
    expect(isBusy(translated)).toBe(EXPECTED[code].startsWith("SQLITE_BUSY"));
  });

  test("a full disk is SQLITE_FULL, an abort SQLITE_INTERRUPT, anything else an I/O error", () => {
    const name = (error: unknown): string => resultCodeName(resultCodeOf(error, "commit"));
    expect(name(new GraftError("io", "", { details: { reason: "full" } }))).toBe("SQLITE_FULL");
    expect(name(new DOMException("stop", "AbortError"))).toBe("SQLITE_INTERRUPT");
    expect(name(new TypeError("broken"))).toBe("SQLITE_IOERR_FSYNC");
  });

  test("what is SQLite's already stays as it is", () => {
    const error = new SqliteError(11, "malformed");
    expect(toSqliteError(error, "write")).toBe(error);
  });
});
