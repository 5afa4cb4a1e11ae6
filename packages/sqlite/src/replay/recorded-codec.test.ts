import { isGraftError } from "@graft/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeTransaction,
  encodeParameters,
  encodeStatement,
  encodeTransaction,
} from "./recorded-codec.ts";
import type { RecordedStatement } from "./recorded-transaction.ts";

const value = fc.oneof(
  fc.constant(null),
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: "grapheme" }),
  fc.uint8Array({ maxLength: 40 }),
);
const named = fc.dictionary(fc.string(), value, { maxKeys: 4, noNullPrototype: true });
const statement: fc.Arbitrary<RecordedStatement> = fc.record({
  sql: fc.string({ maxLength: 20 }),
  parameters: fc.oneof(fc.array(value, { maxLength: 5 }), fc.tuple(named, value)) as fc.Arbitrary<
    RecordedStatement["parameters"]
  >,
  timeMs: fc.maxSafeInteger(),
  chance: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
  mayFail: fc.boolean(),
});

function encode(name: string | undefined, statements: readonly RecordedStatement[]): Uint8Array {
  const texts = [...new Set(statements.map(({ sql }) => sql))];
  return encodeTransaction(name, {
    kind: "statements",
    texts,
    statements: statements.map((one) =>
      encodeStatement(texts.indexOf(one.sql), one, encodeParameters(one.parameters)),
    ),
  });
}

describe("the record of a transaction", () => {
  test("comes back as it was, every type of value", () => {
    fc.assert(
      fc.property(
        fc.option(fc.string(), { nil: undefined }),
        fc.array(statement, { maxLength: 5 }),
        (name, statements) => {
          const content = { kind: "statements", statements };
          expect(decodeTransaction(encode(name, statements))).toEqual({ name, content });
        },
      ),
    );
  });

  test("says why it cannot be run again, and that nothing was written down", () => {
    const refused = { kind: "refused", reason: "too large" } as const;
    expect(decodeTransaction(encodeTransaction("n", refused)).content).toEqual(refused);
    const absent = { kind: "not-recorded" } as const;
    expect(decodeTransaction(encodeTransaction(undefined, absent)).content).toEqual(absent);
  });

  test("is read wholly or refused: cut anywhere, followed by anything, or of random bytes", () => {
    const one = { sql: "s", timeMs: 5, chance: new Uint8Array(32), mayFail: true } as const;
    const bytes = encode("name", [{ ...one, parameters: [{ ":a": 1n }, "x", 1.5] }]);
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeTransaction(bytes.subarray(0, size))).toThrow(/is damaged at/);
    }
    expect(() => decodeTransaction(Uint8Array.of(...bytes, 0))).toThrow(/1 bytes follow/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        try {
          decodeTransaction(Uint8Array.of(1, ...noise));
        } catch (error) {
          expect(isGraftError(error, "corrupt")).toBe(true);
        }
      }),
    );
  });

  test.each([
    [[2], "expected version 1, got 2"],
    [[1, 2], "flags 2"],
    [[1, 0, 9], "a content of kind 9"],
    [[1, 0, 1, 200, 1], "200 elements"],
    [[1, 0, 1, 1, 0, 1, 7], "text 7 of 1"],
    [[1, 0, 1, 1, 0, 1, 0, 8], "flags 8"],
    [[1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9], "a value of type 9"],
    [[1, 1, 1, 255], "a text is not UTF-8"],
  ])("%j is refused: %s", (bytes, why) => {
    expect(() => decodeTransaction(Uint8Array.from(bytes))).toThrow(why);
  });
});
