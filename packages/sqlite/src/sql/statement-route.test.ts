import { expect, test } from "vitest";
import { routeStatement } from "./statement-route.ts";

test.each([
  ["select 1", "read"],
  ["  -- hi\n(select 1)", "write"],
  ["/* a */ with x as (select 1) select * from x", "read"],
  ["values (1)", "read"],
  ["explain delete from t", "read"],
  ["select last_insert_rowid()", "write"],
  ["select changes ( )", "write"],
  ["select total_changes()", "write"],
  ["select changes from t", "read"],
  ["insert into t values (1)", "write"],
  ["begin", "write"],
  ["attach 'x' as y", "write"],
  ["pragma table_info(t)", "read"],
  ["pragma main . index_list('t')", "read"],
  ["pragma integrity_check", "read"],
  ["pragma graft_status", "read"],
  ["pragma foreign_keys", "read"],
  ["pragma foreign_keys = on", "write"],
  ["pragma user_version = 3", "write"],
  ["pragma data_version", "write"],
])("%j runs on a connection that may %s", (sql, kind) => {
  expect(routeStatement(sql).kind).toBe(kind);
});

test.each([
  ["pragma foreign_keys = on", true],
  ["PRAGMA main.cache_size(100)", true],
  ["pragma foreign_keys", false],
  ["pragma user_version = 1", false],
  ["select 1", false],
])("%j changes every connection: %j", (sql, isSetting) => {
  expect(routeStatement(sql).isSetting).toBe(isSetting);
});

test.each([
  ["create temp table t(a)", true],
  ["create table temp.t(a)", true],
  ["ATTACH 'x' AS y", true],
  ["detach y", true],
  ["create table temperature(a)", false],
  ["select * from temp.t", false],
])("%j may leave something on its connection: %j", (sql, touches) => {
  expect(routeStatement(sql).touchesConnectionState).toBe(touches);
});
