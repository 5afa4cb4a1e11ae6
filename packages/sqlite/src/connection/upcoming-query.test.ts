import type { Parameters } from "@graft/sqlite-engine";
import { expect, it } from "vitest";
import { UpcomingQuery, upcomingOf } from "./upcoming-query.ts";

function told(parameters: Parameters | undefined, rowLimit?: number): unknown {
  const request = { sql: "SELECT ?", readsBigInts: false, signal: undefined, parameters, rowLimit };
  return new UpcomingQuery(request).need(true).statement;
}

it("tells values as they are bound", () => {
  const bytes = new Uint8Array([1, 2]);
  const values = [1, 1.5, 7n, "x", null, bytes];
  expect(told(values)).toEqual({ sql: "SELECT ?", values });
  const odd = [true, false, undefined, bytes.buffer, new DataView(bytes.buffer, 1)];
  const [one, two] = [bytes, new Uint8Array([2])];
  expect(told(odd)).toEqual({ sql: "SELECT ?", values: [1n, 0n, null, one, two] });
});

it("tells those with names apart", () => {
  expect(told([{ ":a": true, b: 2 }, "x"], 1)).toEqual({
    sql: "SELECT ?",
    values: ["x"],
    named: { ":a": 1n, b: 2 },
    rowLimit: 1,
  });
});

it("is one object for one execution, and nothing where nothing is run", () => {
  const request = { sql: "SELECT 1", readsBigInts: false, signal: undefined, parameters: [] };
  const upcoming = new UpcomingQuery(request);
  expect(upcoming.need(true).statement).toBe(upcoming.need(true).statement);
  expect(upcoming.need(false).statement).toBeUndefined();
  expect(told(undefined)).toBeUndefined();
});

it("is nothing when a value cannot be bound", () => {
  const symbol = [Symbol("x")] as unknown as Parameters;
  expect(told(symbol)).toBeUndefined();
  expect(told([2n ** 63n])).toBeUndefined();
  expect(told([-(2n ** 63n)])).toBeDefined();
});

it("is nothing for what no server runs", () => {
  for (const sql of ["PRAGMA user_version", "ATTACH 'x' AS y", "BEGIN", "CREATE TABLE t(a)"]) {
    const request = { sql, readsBigInts: false, signal: undefined, parameters: [] };
    expect(new UpcomingQuery(request).need(true).statement).toBeUndefined();
    expect(upcomingOf(request)).toBe(upcomingOf(request));
  }
});
