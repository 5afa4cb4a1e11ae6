import { expect, test } from "vitest";
import { isBlankSql, runModeOf } from "./statement-kind.ts";

test.each([
  ["select 1", true, "read"],
  ["  /* update */ -- delete\n select 1", true, "read"],
  ["explain update t set x = 1", true, "read"],
  ["update t set x = 1", false, "write"],
  ["with a as (select 1) insert into t select * from a", false, "write"],
  ["create table commit_log (x)", false, "write"],
  ["pragma user_version = 5", false, "write"],
  ["pragma incremental_vacuum(10)", false, "write"],
  ["PRAGMA main . journal_mode = delete", false, "bare"],
  ["pragma/**/Journal_Mode=off", false, "bare"],
  ["vacuum", false, "bare"],
  ["attach 'x' as y", true, "read"],
  ["begin immediate", false, "transaction"],
  ["/* x */ COMMIT", true, "transaction"],
  ["end", true, "transaction"],
  ["rollback to s", true, "transaction"],
  ["savepoint s", true, "transaction"],
  ["release s", true, "transaction"],
] as const)("%s runs as it must", (sql, isReadOnly, mode) => {
  expect(runModeOf(sql, isReadOnly)).toBe(mode);
});

test.each([
  ["", true],
  [" ; \n\t;", true],
  ["-- only a comment", true],
  ["/* open", true],
  ["; select 1", false],
  ["/* a */ x", false],
])("%j is blank: %s", (sql, isBlank) => {
  expect(isBlankSql(sql)).toBe(isBlank);
});
