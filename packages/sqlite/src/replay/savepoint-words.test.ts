import { expect, test } from "vitest";
import { readTransactionStep } from "./savepoint-words.ts";

test.each([
  ["begin immediate", { kind: "other" }],
  ["COMMIT;", { kind: "other" }],
  ["end transaction", { kind: "other" }],
  ["rollback", { kind: "rollback" }],
  ["rollback transaction;", { kind: "rollback" }],
  ["/* x */ savepoint A", { kind: "savepoint", name: "a" }],
  ['SAVEPOINT "graft 1"', { kind: "savepoint", name: "graft 1" }],
  ['savepoint "a ""b"""', { kind: "savepoint", name: 'a "b"' }],
  ["savepoint 'it''s'", { kind: "savepoint", name: "it's" }],
  ["savepoint [x y]", { kind: "savepoint", name: "x y" }],
  ["savepoint `q`", { kind: "savepoint", name: "q" }],
  ["release a", { kind: "release", name: "a" }],
  ["release savepoint A;", { kind: "release", name: "a" }],
  ["release savepoint", { kind: "release", name: "savepoint" }],
  ["rollback to a", { kind: "rollback-to", name: "a" }],
  ["rollback to savepoint a", { kind: "rollback-to", name: "a" }],
  ["rollback transaction to savepoint a;", { kind: "rollback-to", name: "a" }],
  ["ROLLBACK TRANSACTION TO [a] -- end", { kind: "rollback-to", name: "a" }],
])("%s", (sql, step) => {
  expect(readTransactionStep(sql)).toEqual(step);
});
