import { describe, expect, it } from "vitest";
import { isDotCommand, parseDotCommand } from "./dot-command.ts";

describe("a dot command", () => {
  it.each([
    [".tables", { kind: "tables", pattern: undefined }],
    [".tables post%", { kind: "tables", pattern: "post%" }],
    [".schema users", { kind: "schema", pattern: "users" }],
    ['.read "my file.sql"', { kind: "read", file: "my file.sql" }],
    [".mode csv", { kind: "mode", mode: "csv" }],
    [".mode", { kind: "mode", mode: undefined }],
    ["\\timing", { kind: "timing", isOn: undefined }],
    [".timing off", { kind: "timing", isOn: false }],
    [".exit", { kind: "quit" }],
    [".quit;", { kind: "quit" }],
    [".push", { kind: "push" }],
  ])("is read: %s", (line, expected) => {
    expect(isDotCommand(line)).toBe(true);
    expect(parseDotCommand(line)).toEqual(expected);
  });

  it.each([
    [".nothing", ".nothing: no such command; see .help"],
    [".mode html", 'mode "html": expected one of table, list, csv, json, line'],
    [".read", ".read: expected a file"],
    [".tables a b", ".tables: expected at most 1 argument(s), got 2"],
    [".timing maybe", ".timing maybe: expected on or off"],
  ])("is refused, saying what was expected: %s", (line, message) => {
    expect(() => parseDotCommand(line)).toThrow(message);
  });
});
