import { create } from "@bufbuild/protobuf";
import { PrefetchHintSchema } from "@graft/proto-gen/pagestore";
import { describe, expect, test } from "vitest";
import {
  fromQueryHint,
  isQueryHintWithinBounds,
  QUERY_SQL_SIZE_MAX,
  QUERY_STATEMENT_COUNT_MAX,
  QUERY_VALUE_COUNT_MAX,
  QUERY_VALUES_SIZE_MAX,
  type QueryHint,
  type QueryStatement,
  toQueryHint,
} from "./query-hint.ts";

const statement: QueryStatement = { sql: "select 1", values: [] };

function hintOf(...statements: readonly QueryStatement[]): QueryHint {
  return { statements };
}

function received(hint: QueryHint): QueryHint | undefined {
  return toQueryHint(create(PrefetchHintSchema, fromQueryHint(hint)));
}

describe("a query is no query beyond its bounds:", () => {
  test.each([
    [
      "statements",
      hintOf(...Array.from({ length: QUERY_STATEMENT_COUNT_MAX + 1 }, () => statement)),
    ],
    ["SQL", hintOf({ ...statement, sql: " ".repeat(QUERY_SQL_SIZE_MAX + 1) })],
    [
      "values",
      hintOf({
        ...statement,
        values: Array.from({ length: QUERY_VALUE_COUNT_MAX + 1 }, () => null),
      }),
    ],
    [
      "bytes of values",
      hintOf(statement, { ...statement, values: [new Uint8Array(QUERY_VALUES_SIZE_MAX), "x"] }),
    ],
  ])("%s", (_, hint) => {
    expect(received(hint)).toBeUndefined();
    expect(isQueryHintWithinBounds(hint)).toBe(false);
  });

  test("and is one within them", () => {
    const hint = hintOf({ ...statement, values: [new Uint8Array(QUERY_VALUES_SIZE_MAX)] });
    expect(received(hint)).toEqual(hint);
    expect(isQueryHintWithinBounds(hint)).toBe(true);
  });
});

test("a hint without statements tells no query", () => {
  expect(toQueryHint(create(PrefetchHintSchema, { graft: new Uint8Array(0) }))).toBeUndefined();
  expect(toQueryHint(undefined)).toBeUndefined();
});
