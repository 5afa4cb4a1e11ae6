import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StatementSplitter } from "./statement-splitter.ts";

function split(text: string): readonly string[] {
  const splitter = new StatementSplitter();
  return text.split("\n").flatMap((line) => splitter.push(line));
}

describe("statements", () => {
  it.each([
    ["one on a line", "select 1;", ["select 1;"]],
    ["two on a line", "select 1; select 2;", ["select 1;", "select 2;"]],
    ["one over lines", "select\n  1\n;", ["select\n  1\n;"]],
    ["a semicolon in a string", "select ';';", ["select ';';"]],
    ["a doubled quote in a string", "select 'it''s;';", ["select 'it''s;';"]],
    ["a semicolon in names", 'select "a;b", [c;d], `e;f`;', ['select "a;b", [c;d], `e;f`;']],
    ["a string over lines", "select 'a\n;b';", ["select 'a\n;b';"]],
    ["a semicolon in a line comment", "select 1 -- ;\n;", ["select 1 -- ;\n;"]],
    ["a semicolon in a block comment", "select /* ;\n; */ 1;", ["select /* ;\n; */ 1;"]],
    ["lone semicolons", ";;; select 1;;", ["select 1;"]],
    [
      "a trigger, ended by its END",
      "create temp trigger t after insert on a begin\n select 1; select 2; end; select 3;",
      ["create temp trigger t after insert on a begin\n select 1; select 2; end;", "select 3;"],
    ],
    [
      "a trigger with a CASE that has an END of its own",
      "create trigger t after insert on a begin select case 1 when 2 then 3 end; end;",
      ["create trigger t after insert on a begin select case 1 when 2 then 3 end; end;"],
    ],
    [
      "a table whose name ends in trigger",
      'create table "trigger" (a); select 1;',
      ['create table "trigger" (a);', "select 1;"],
    ],
    ["an unfinished one: nothing", "select 1", []],
  ])("are found: %s", (_what, text, expected) => {
    expect(split(text)).toEqual(expected);
  });

  it("leave what is unfinished as the rest", () => {
    const splitter = new StatementSplitter();
    splitter.push("select 1; select");
    expect(splitter.isEmpty).toBe(false);
    expect(splitter.rest).toBe("select");
    splitter.clear();
    expect(splitter.isEmpty).toBe(true);
  });

  it("are not begun by blanks and finished comments", () => {
    const splitter = new StatementSplitter();
    splitter.push("  -- only a remark");
    splitter.push("/* and another */");
    expect(splitter.isEmpty).toBe(true);
    splitter.push("/* an open one");
    expect(splitter.isEmpty).toBe(false);
  });

  it("are parts of the text, in order, and found again in their own text", () => {
    const part = fc.constantFrom("a", " ", ";", "'", '"', "--", "/*", "*/", "\n", "create", "end");
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const text = parts.join("");
        const found = split(text);
        let from = 0;
        for (const statement of found) {
          const at = text.indexOf(statement, from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + statement.length;
          expect(statement.endsWith(";")).toBe(true);
        }
        expect(split(found.join("\n"))).toEqual(found);
      }),
    );
  });
});
