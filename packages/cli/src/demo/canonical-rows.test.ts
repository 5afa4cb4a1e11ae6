import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalRows, equalRows, type Row } from "./canonical-rows.ts";

const value = fc.oneof(
  fc.bigInt(),
  fc.double(),
  fc.string(),
  fc.uint8Array({ maxLength: 4 }),
  fc.constant(null),
);
const row: fc.Arbitrary<Row> = fc.array(value, { maxLength: 3 });

describe("canonical rows", () => {
  it("are equal exactly when the rows are", () => {
    fc.assert(
      fc.property(row, row, (left, right) => {
        expect(canonicalRows([left]) === canonicalRows([right])).toBe(equalRows(left, right));
      }),
    );
  });

  it.each<readonly [string, Row, Row]>([
    ["1 and 1.0", [1n], [1]],
    ["1 and '1'", [1n], ["1"]],
    ["NULL and ''", [null], [""]],
    ["text and bytes", ["a"], [new Uint8Array([0x61])]],
    ["one column and two", ["a"], ["a", null]],
  ])("tell apart %s", (_what, left, right) => {
    expect(canonicalRows([left])).not.toBe(canonicalRows([right]));
    expect(equalRows(left, right)).toBe(false);
  });

  it("tell apart one row and two", () => {
    expect(canonicalRows([["a", "b"]])).not.toBe(canonicalRows([["a"], ["b"]]));
  });
});
