import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatLsnHex, LSN_FIRST, LSN_LAST, nextLsn, parseLsn, parseLsnHex, toLsn } from "./lsn.ts";
import { createLsnRange } from "./lsn-range.ts";
import { arbitraryLsn } from "./testing/arbitraries.ts";

const invalid = expect.objectContaining({ name: "GraftError", code: "invalid-argument" });

describe("an LSN", () => {
  test.each([
    [1n, "0000000000000001"],
    [255n, "00000000000000ff"],
    [256n, "0000000000000100"],
    [0xffff_ffffn, "00000000ffffffff"],
    [0x8000_0000_0000_0000n, "8000000000000000"],
    [0xffff_ffff_ffff_ffffn, "ffffffffffffffff"],
  ])("%s is %s in keys", (value, hex) => {
    expect(formatLsnHex(toLsn(value))).toBe(hex);
    expect(parseLsnHex(hex)).toBe(value);
  });

  test("sorts in keys as in numbers", () => {
    fc.assert(
      fc.property(arbitraryLsn(), arbitraryLsn(), (one, two) => {
        expect(formatLsnHex(one) < formatLsnHex(two)).toBe(one < two);
        expect(parseLsnHex(formatLsnHex(one))).toBe(one);
        expect(parseLsn(one.toString())).toBe(one);
      }),
    );
  });

  test("starts at 1, goes up by one, and ends at 2^64−1", () => {
    expect(nextLsn(undefined)).toBe(1n);
    expect(nextLsn(LSN_FIRST)).toBe(2n);
    expect(() => nextLsn(LSN_LAST)).toThrow(invalid);
  });

  test.each([0n, -1n, 0x1_0000_0000_0000_0000n])("%s is none", (value) => {
    expect(() => toLsn(value)).toThrow(invalid);
  });

  test.each([
    "",
    "1",
    "000000000000000g",
    "000000000000000A",
    "00000000000000001",
    "0000000000000000",
  ])("%j is none in keys", (text) => {
    expect(() => parseLsnHex(text)).toThrow(invalid);
  });

  test.each(["", "0", "-1", "0x1", "1.5", " 1", "18446744073709551616", "9".repeat(30)])(
    "%j is none as people write it",
    (text) => {
      expect(() => parseLsn(text)).toThrow(invalid);
    },
  );
});

describe("an LSN range", () => {
  test("includes both ends, and may be open", () => {
    expect(createLsnRange(toLsn(5n), toLsn(5n))).toEqual({ start: 5n, end: 5n });
    expect(createLsnRange(toLsn(5n))).toEqual({ start: 5n });
  });

  test("that ends before it starts is refused", () => {
    expect(() => createLsnRange(toLsn(5n), toLsn(4n))).toThrow(invalid);
  });
});
