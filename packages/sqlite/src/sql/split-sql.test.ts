import { expect, test } from "vitest";
import { splitSql } from "./split-sql.ts";

const TRIGGER = `create temp trigger g after insert on t begin
  insert into u values (1); -- end;
  select case when 1 then 'a;b' end; end`;

test.each([
  ["", []],
  [" ;; -- nothing\n /* ; */ ;", []],
  ["select 1", ["select 1"]],
  ["select 1; select 2;", ["select 1", "select 2"]],
  ["select ';' ; select \"a;b\", [c;d], `e;f`", ["select ';'", 'select "a;b", [c;d], `e;f`']],
  ["select 'it''s; fine';x", ["select 'it''s; fine'", "x"]],
  ["-- a;\nselect /* b; */ 1 -- c;\n; select 2", ["select /* b; */ 1", "select 2"]],
  [`${TRIGGER}; select 1`, [TRIGGER, "select 1"]],
  [
    "create trigger g begin select 1; end; select 2",
    ["create trigger g begin select 1; end", "select 2"],
  ],
  ["begin; select 1; end; select 2", ["begin", "select 1", "end", "select 2"]],
  [
    "explain query plan create trigger g begin select 1; end",
    ["explain query plan create trigger g begin select 1; end"],
  ],
  ["select 'open; select 2", ["select 'open; select 2"]],
  ["create table trigger_log(a); select 1", ["create table trigger_log(a)", "select 1"]],
])("%j has the statements %j", (sql, statements) => {
  expect(splitSql(sql).statements).toEqual(statements);
});

test.each([
  ["select 1;", true],
  ["select 1", false],
  ["select 1; select", false],
  ["create trigger g begin select 1;", false],
  ["create trigger g begin select 1; end;", true],
  ["select ';", false],
  ["select 1; -- done", true],
])("%j is complete: %j", (sql, isComplete) => {
  expect(splitSql(sql).isComplete).toBe(isComplete);
});
