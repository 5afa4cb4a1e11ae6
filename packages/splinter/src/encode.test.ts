import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode, encodedSize } from "./encode.ts";
import { Splinter } from "./splinter.ts";

/** The published bytes of small sets. */
const examples: readonly { name: string; values: readonly number[]; hex: string }[] = [
  { name: "{}", values: [], hex: "daae12df 00000000" },
  {
    name: "{1}",
    values: [1],
    hex: "daae12df 01 00000000 000000000000 000000000000 01000000",
  },
  {
    name: "{1,2}",
    values: [1, 2],
    hex: "daae12df 0102 00010000 000000000000 000000000000 01000000",
  },
  {
    name: "{1..5}",
    values: [1, 2, 3, 4, 5],
    hex: "daae12df 0102030405 00040000 000000000000 000000000000 01000000",
  },
  {
    name: "{1,256,65536}",
    values: [1, 256, 65536],
    hex: `daae12df 01 00 0001 0000 01000000 00 00000000
          0001 0100 05000000 00000000 00 01 00000000 01000000`,
  },
  {
    name: "{4294967295}",
    values: [0xffff_ffff],
    hex: "daae12df ff ff000000 ff0000000000 ff0000000000 01000000",
  },
  {
    name: "{256..511}",
    values: range(256, 511),
    hex: "daae12df 01ff0000 000000000000 000000000000 01000000",
  },
  {
    name: "{1..32}",
    values: range(1, 32),
    hex: `daae12df feffffff01 ${"00".repeat(27)} 001f0000 000000000000 000000000000 01000000`,
  },
];

/** Published sizes of sets with a × b × c × d members, spread out or dense from 0 on. */
const sizes: readonly { shape: readonly [number, number, number, number]; size: number }[] = [
  { shape: [1, 1, 1, 256], size: 24 },
  { shape: [1, 1, 1, 128], size: 56 },
  { shape: [1, 1, 1, 16], size: 40 },
  { shape: [1, 1, 8, 128], size: 308 },
  { shape: [4, 4, 4, 2], size: 512 },
  { shape: [8, 8, 8, 2], size: 3512 },
  { shape: [1, 1, 16, 256], size: 84 },
  { shape: [1, 1, 256, 16], size: 4884 },
  { shape: [1, 256, 16, 1], size: 21774 },
  { shape: [256, 16, 1, 1], size: 46344 },
  { shape: [8, 8, 8, 8], size: 6584 },
  { shape: [1, 1, 64, 64], size: 2292 },
  { shape: [1, 32, 16, 8], size: 6350 },
  { shape: [1, 16, 256, 1], size: 16494 },
];

/** Sets whose round trip the reference implementation tests. */
const roundTrips: readonly { name: string; values: readonly number[] }[] = [
  { name: "0..0 (empty)", values: [] },
  { name: "0..10", values: range(0, 9) },
  { name: "0..=255", values: range(0, 255) },
  { name: "0..=4096", values: range(0, 4096) },
  { name: "0..=16384", values: range(0, 16384) },
  { name: "1512..=3258", values: range(1512, 3258) },
  { name: "0..=16384 step 7", values: range(0, 16384, 7) },
  { name: "0..65535 + 65536..85222 step 7", values: mixed() },
];

describe("encode", () => {
  test.each(examples)("$name has the published bytes", ({ values, hex }) => {
    expect(toHex(encode(Splinter.from(values)))).toBe(hex.replaceAll(/\s/g, ""));
  });

  test.each(examples)("the published bytes of $name decode to it", ({ values, hex }) => {
    expect([...decode(fromHex(hex))]).toEqual(values);
  });

  test.each(sizes)("$shape spread over the whole space takes $size bytes", ({ shape, size }) => {
    const set = Splinter.from(grid(shape, (index, count) => Math.floor((index * 256) / count)));
    expect(encode(set).length).toBe(size);
    expect(encodedSize(set)).toBe(size);
  });

  test.each(sizes)("$shape dense from 0 on takes $size bytes", ({ shape, size }) => {
    const set = Splinter.from(grid(shape, (index) => index));
    expect(encode(set).length).toBe(size);
    expect(encodedSize(set)).toBe(size);
  });

  test.each(roundTrips)("$name survives a round trip", ({ values }) => {
    const set = Splinter.from(values);
    const bytes = encode(set);
    const decoded = decode(bytes);
    expect(decoded.equals(set)).toBe(true);
    expect([...decoded]).toEqual(values);
    expect(encode(decoded)).toEqual(bytes);
    expect(encodedSize(set)).toBe(bytes.length);
  });

  test("equal sets have equal bytes, however they were built", () => {
    const values = mixed();
    const ascending = encode(Splinter.from(values));
    const descending = encode(Splinter.from(values.toReversed()));
    const carved = Splinter.fromRange(0, 85221);
    carved.removeRange(65535, 85221);
    for (const value of values.filter((each) => each > 65534)) {
      carved.insert(value);
    }
    expect(descending).toEqual(ascending);
    expect(encode(carved)).toEqual(ascending);
  });

  test.each([1, 31, 32, 33, 255, 256])("a block of %i members has the size it should", (count) => {
    const block = Splinter.fromRange(0, count - 1);
    const expected = count === 256 ? 0 : Math.min(count, 32);
    expect(encode(block).length).toBe(24 + expected);
    expect(decode(encode(block)).equals(block)).toBe(true);
  });

  test("every page of a 40 GB database takes 118 kB", () => {
    const set = Splinter.fromRange(1, 10_000_000);
    const bytes = encode(set);
    expect(bytes.length).toBe(encodedSize(set));
    expect(bytes.length).toBeLessThan(118_500);
    expect(decode(bytes).equals(set)).toBe(true);
  });

  test("a full partition lists no keys and no members", () => {
    const set = Splinter.fromRange(0x0300_0000, 0x03ff_ffff);
    const bytes = encode(set);
    // Per level 256 children, each with a count and an offset; one child in the root.
    expect(bytes.length).toBe(8 + 6 + 256 * 5 + 256 * 256 * 3);
    expect(decode(bytes).equals(set)).toBe(true);
  });

  test("256 children of the root are written as 256", () => {
    const set = Splinter.from(range(0, 255).map((key) => key * 0x100_0000));
    const bytes = encode(set);
    expect([...bytes.subarray(-4)]).toEqual([0, 1, 0, 0]);
    expect(decode(bytes).equals(set)).toBe(true);
  });
});

function range(first: number, last: number, step = 1): number[] {
  const values: number[] = [];
  for (let value = first; value <= last; value += step) {
    values.push(value);
  }
  return values;
}

function mixed(): number[] {
  return [...range(0, 65534), ...range(65536, 85221, 7)];
}

function grid(
  shape: readonly [number, number, number, number],
  place: (index: number, count: number) => number,
): number[] {
  let values = [0];
  for (const count of shape) {
    const digits = range(0, count - 1).map((index) => place(index, count));
    values = values.flatMap((value) => digits.map((digit) => value * 256 + digit));
  }
  return values;
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, "").match(/../g) ?? [];
  return Uint8Array.from(digits, (digit) => Number.parseInt(digit, 16));
}
