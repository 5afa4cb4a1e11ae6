import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase58, encodeBase58 } from "./base58.ts";
import { concatBytes, equalBytes, isZero } from "./compare.ts";
import { decodeHex, encodeHex } from "./hex.ts";

describe("hex", () => {
  test("is two lower-case digits a byte, and reads both cases", () => {
    expect(encodeHex(Uint8Array.of(0, 10, 255))).toBe("000aff");
    expect(decodeHex("000AfF")).toEqual(Uint8Array.of(0, 10, 255));
    expect(decodeHex("")).toEqual(new Uint8Array(0));
  });

  test("makes the round trip", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect([...decodeHex(encodeHex(bytes))]).toEqual([...bytes]);
      }),
    );
  });

  test.each(["0", "0g", "00 ", "0x00"])("refuses %j", (text) => {
    expect(() => decodeHex(text)).toThrow(RangeError);
  });
});

describe("base58", () => {
  test("makes the round trip at a fixed size", () => {
    const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(sixteen, (bytes) => {
        expect([...decodeBase58(encodeBase58(bytes), 16)]).toEqual([...bytes]);
      }),
    );
  });

  test("refuses characters outside the alphabet and numbers over the size", () => {
    for (const text of ["0", "O", "I", "l", "a b"]) {
      expect(() => decodeBase58(text, 16)).toThrow(RangeError);
    }
    expect(decodeBase58("5Q", 1)).toEqual(Uint8Array.of(255));
    expect(() => decodeBase58("5R", 1)).toThrow(RangeError);
  });
});

test("equalBytes agrees with comparing element by element", () => {
  const small = fc.uint8Array({ maxLength: 3, max: 1 });
  fc.assert(
    fc.property(small, small, (a, b) => {
      expect(equalBytes(a, b)).toBe([...a].join() === [...b].join());
    }),
  );
});

test("isZero sees a single bit anywhere", () => {
  expect(isZero(new Uint8Array(0))).toBe(true);
  for (let at = 0; at < 40; at++) {
    const bytes = new Uint8Array(40);
    expect(isZero(bytes)).toBe(true);
    bytes[at] = 1;
    expect(isZero(bytes)).toBe(false);
  }
});

test("concatBytes copies", () => {
  const part = Uint8Array.of(1, 2);
  const whole = concatBytes([part, new Uint8Array(0), Uint8Array.of(3)]);
  part[0] = 9;
  expect(whole).toEqual(Uint8Array.of(1, 2, 3));
});

test("long arrays are compared to the last bit, wherever they lie in memory", () => {
  const memory = new Uint8Array(1024);
  for (let offset = 0; offset < 8; offset++) {
    for (const size of [255, 256, 257, 515]) {
      const bytes = memory.subarray(offset, offset + size);
      const other = new Uint8Array(size);
      expect([equalBytes(bytes, other), isZero(bytes)]).toEqual([true, true]);
      for (const at of [0, 3, 254, size - 2, size - 1]) {
        bytes[at] = 0x80;
        expect([equalBytes(bytes, other), isZero(bytes)]).toEqual([false, false]);
        bytes[at] = 0;
      }
    }
  }
});
