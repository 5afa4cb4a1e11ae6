import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase58, encodeBase58 } from "./base58.ts";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

function textOf(bytes: Uint8Array): string {
  let value = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = "";
  for (; value > 0n; value /= 58n) text = ALPHABET.charAt(Number(value % 58n)) + text;
  return text === "" ? "1" : text;
}

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.integer({ min: 0, max: 33 }).map((size) => new Uint8Array(size)),
  fc.integer({ min: 0, max: 33 }).map((size) => new Uint8Array(size).fill(255)),
);

test("bytes are the digits of one large number, and come back", () => {
  fc.assert(
    fc.property(bytes, (value) => {
      const text = encodeBase58(value);
      expect(text).toBe(textOf(value));
      expect(decodeBase58(text, value.length)).toEqual(value);
      expect(decodeBase58(`11${text}`, value.length)).toEqual(value);
    }),
    { numRuns: 2000 },
  );
});

test("a number that is one too large is refused, whatever the size", () => {
  for (let size = 0; size <= 20; size++) {
    const least = new Uint8Array(size + 1);
    least[0] = 1;
    expect(() => decodeBase58(encodeBase58(least), size)).toThrow(
      `the number is over ${size} bytes`,
    );
  }
  expect(() => decodeBase58("z".repeat(10_000), 16)).toThrow("the number is over 16 bytes");
});

test.each(["0", "O", "I", "l", "é", "😀", "=", "\n"])('"%s" is no digit', (char) => {
  expect(() => decodeBase58(`2${char}`, 16)).toThrow("is not a base58 character");
});
