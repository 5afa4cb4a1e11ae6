import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { Splinter } from "./splinter.ts";
import { type SplinterCondition, SplinterError } from "./splinter-error.ts";

interface Malformed {
  readonly name: string;
  readonly hex: string;
  readonly condition: SplinterCondition;
  readonly message: string;
}

const MAGIC = "daae12df";
const ONE_CHILD_LEAF = "00000000";
const ONE_CHILD = "000000000000";
const FOOTER = "01000000";
const TAIL = `${ONE_CHILD} ${ONE_CHILD} ${FOOTER}`;
const TWO_BLOCKS_TAIL = `000100000000 ${ONE_CHILD} ${FOOTER}`;
const ZEROS = "00".repeat(64);

const malformed: readonly Malformed[] = [
  {
    name: "no bytes",
    hex: "",
    condition: "length",
    message: "splinter, byte 0: expected at least 8 bytes, got 0",
  },
  {
    name: "one byte less than header and footer take",
    hex: "daae12df 000000",
    condition: "length",
    message: "splinter, byte 7: expected at least 8 bytes, got 7",
  },
  {
    name: "another magic",
    hex: "daae13df 00000000",
    condition: "magic",
    message: "splinter, byte 2: expected 0x12 of the magic da ae 12 df, got 0x13",
  },
  {
    name: "the magic with its bytes swapped",
    hex: "df12aeda 00000000",
    condition: "magic",
    message: "splinter, byte 0: expected 0xda of the magic da ae 12 df, got 0xdf",
  },
  {
    name: "a footer that does not end in zeros",
    hex: `${MAGIC} 01 ${ONE_CHILD_LEAF} ${ONE_CHILD} ${ONE_CHILD} 01000100`,
    condition: "padding",
    message: "splinter, byte 23: expected two zero bytes, got 1",
  },
  {
    name: "more children of the root than there are keys",
    hex: `${MAGIC} ${ZEROS} 01010000`,
    condition: "partitions",
    message: "splinter, byte 68: expected at most 256 children of the root, got 257",
  },
  {
    name: "a root without an index",
    hex: `${MAGIC} ${FOOTER}`,
    condition: "truncated",
    message: "splinter, byte 4: expected 6 bytes before here for an index of 1 children, got 0",
  },
  {
    name: "a root of 256 children in a hundred bytes",
    hex: `${MAGIC} ${ZEROS} 00010000`,
    condition: "truncated",
    message:
      "splinter, byte 68: expected 1280 bytes before here for an index of 256 children, got 64",
  },
  {
    name: "a child with more children than bytes",
    hex: `${MAGIC} 01 ${ONE_CHILD_LEAF} ${ONE_CHILD} 00ff00000000 ${FOOTER}`,
    condition: "truncated",
    message:
      "splinter, byte 15: expected 1280 bytes before here for an index of 256 children, got 11",
  },
  {
    name: "a block with more members than bytes",
    hex: `${MAGIC} 01 00010000 ${TAIL}`,
    condition: "truncated",
    message: "splinter, byte 5: expected 2 bytes before here for the blocks of a map, got 1",
  },
  {
    name: "a list of 32 members, which belong in a bitmap",
    hex: `${MAGIC} ${hexRange(1, 31)} 001f0000 ${TAIL}`,
    condition: "truncated",
    message: "splinter, byte 35: expected 32 bytes before here for the blocks of a map, got 31",
  },
  {
    name: "members that descend",
    hex: `${MAGIC} 0201 00010000 ${TAIL}`,
    condition: "order",
    message: "splinter, byte 5: expected a member above 2, got 1",
  },
  {
    name: "a member twice",
    hex: `${MAGIC} 0101 00010000 ${TAIL}`,
    condition: "order",
    message: "splinter, byte 5: expected a member above 1, got 1",
  },
  {
    name: "keys that descend",
    hex: `${MAGIC} 0100 0100 0000 0100 0000 ${TWO_BLOCKS_TAIL}`,
    condition: "order",
    message: "splinter, byte 7: expected a member above 1, got 0",
  },
  {
    name: "a key twice in the root",
    hex: `${MAGIC} 01 ${ONE_CHILD_LEAF} ${ONE_CHILD} 0101 0000 00000000 00000000 02000000`,
    condition: "order",
    message: "splinter, byte 16: expected a member above 1, got 1",
  },
  {
    name: "a bitmap with one bit less than its count",
    hex: `${MAGIC} feffff7f01 ${"00".repeat(27)} 001f0000 ${TAIL}`,
    condition: "bitmap",
    message: "splinter, byte 4: expected a bitmap of 32 members, got 31",
  },
  {
    name: "a bitmap of 256 bits, which belongs nowhere",
    hex: `${MAGIC} ${"ff".repeat(32)} 00fe0000 ${TAIL}`,
    condition: "bitmap",
    message: "splinter, byte 4: expected a bitmap of 255 members, got 256",
  },
  {
    name: "a key bitmap with a bit more than there are children",
    hex: `${MAGIC} ${hexRange(0, 31)} ffffffff80 ${"00".repeat(123)}
          001f00000000 ${ONE_CHILD} ${FOOTER}`,
    condition: "bitmap",
    message: "splinter, byte 36: expected a bitmap of 32 members, got 33",
  },
  {
    name: "a last child that does not end where the values end",
    hex: `${MAGIC} 01 00000100 ${TAIL}`,
    condition: "offset",
    message: "splinter, byte 7: expected offset 0 of child 0, got 1",
  },
  {
    name: "two blocks in the same bytes",
    hex: `${MAGIC} 0100 0001 0000 0000 0000 ${TWO_BLOCKS_TAIL}`,
    condition: "offset",
    message: "splinter, byte 10: expected offset 1 of child 0, got 0",
  },
  {
    name: "two maps in the same bytes",
    hex: `${MAGIC} 01 ${ONE_CHILD_LEAF} ${ONE_CHILD} 0001 0000 00000000 00000000 02000000`,
    condition: "offset",
    message: "splinter, byte 19: expected offset 11 of child 0, got 0",
  },
  {
    name: "a gap between two blocks",
    hex: `${MAGIC} 010700 0001 0000 0200 0000 ${TWO_BLOCKS_TAIL}`,
    condition: "offset",
    message: "splinter, byte 11: expected offset 1 of child 0, got 2",
  },
  {
    name: "an offset far outside",
    hex: `${MAGIC} 01 ${ONE_CHILD_LEAF} ${ONE_CHILD} 0000ffffffff ${FOOTER}`,
    condition: "offset",
    message: "splinter, byte 17: expected offset 0 of child 0, got 4294967295",
  },
  {
    name: "an empty set with bytes of no map",
    hex: `${MAGIC} 00 00000000`,
    condition: "unclaimed",
    message: "splinter, byte 4: expected the root map to start here, got 1 bytes of no map",
  },
  {
    name: "a byte between header and root",
    hex: `${MAGIC} 00 01 ${ONE_CHILD_LEAF} ${TAIL}`,
    condition: "unclaimed",
    message: "splinter, byte 4: expected the root map to start here, got 1 bytes of no map",
  },
];

describe("decode", () => {
  test.each(malformed)("refuses $name", ({ hex, condition, message }) => {
    const error = refusalOf(fromHex(hex));
    expect(error?.message).toBe(message);
    expect(error?.condition).toBe(condition);
    expect(error?.name).toBe("SplinterError");
  });

  test("refuses every proper prefix and suffix of a set", () => {
    const bytes = encode(Splinter.of(1, 2, 300, 70_000, 0xffff_ffff));
    for (let length = 0; length < bytes.length; length++) {
      expect(refusalOf(bytes.subarray(0, length))).toBeDefined();
      expect(refusalOf(bytes.subarray(bytes.length - length))).toBeDefined();
    }
  });

  test("keeps nothing of the bytes it was given", () => {
    const bytes = encode(Splinter.fromRange(1, 300));
    const set = decode(bytes);
    bytes.fill(0xff);
    expect(set.equals(Splinter.fromRange(1, 300))).toBe(true);
  });

  test("reads bytes that lie inside a larger buffer", () => {
    const inner = encode(Splinter.of(7, 8, 9));
    const outer = new Uint8Array(inner.length + 10).fill(0xee);
    outer.set(inner, 5);
    expect([...decode(outer.subarray(5, 5 + inner.length))]).toEqual([7, 8, 9]);
  });

  test("any bytes between a right header and footer decode canonically or are refused", () => {
    const framed = fc
      .tuple(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 0, max: 3 }))
      .map(([body, count]) => Uint8Array.of(0xda, 0xae, 0x12, 0xdf, ...body, count, 0, 0, 0));
    fc.assert(
      fc.property(framed, (bytes) => {
        decodesCanonicallyOrRefuses(bytes);
      }),
      { numRuns: 5000 },
    );
  });

  test("mutated sets decode canonically or are refused", () => {
    const seed = 0x5eed;
    const random = randomFrom(seed);
    const corpus = corpusOf();
    const outcomes = { decoded: 0, refused: 0 };
    for (let round = 0; round < 30_000; round++) {
      const bytes = mutate(corpus[round % corpus.length] ?? [], random);
      const isDecoded = decodesCanonicallyOrRefuses(bytes, `seed ${seed}, round ${round}`);
      outcomes[isDecoded ? "decoded" : "refused"]++;
    }
    // Both ways must be walked often, or the test says little.
    expect(outcomes.decoded).toBeGreaterThan(1000);
    expect(outcomes.refused).toBeGreaterThan(10_000);
  });
});

describe("memory of a decoded set", () => {
  const dense = [
    { name: "full blocks", set: Splinter.fromRange(0, 0x00ff_ffff) },
    { name: "every other value of 16 blocks", set: stride(0, 4096, 2) },
    { name: "every other value of 17 blocks", set: stride(0, 17 * 256, 2) },
    { name: "every other value of a chunk", set: stride(0, 65_536, 2) },
    { name: "one value of each chunk", set: stride(0, 0x0fff_ffff, 65_536) },
    { name: "one value of each block", set: stride(0, 0x00ff_ffff, 256) },
    { name: "31 values of each block", set: stride(0, 65_536, 8.3) },
  ];

  test.each(dense)("$name takes at most 16 bytes for each byte", ({ set }) => {
    const bytes = encode(set);
    const decoded = decode(bytes);
    expect(decoded.containerSize).toBeLessThanOrEqual(16 * bytes.length);
    expect(decoded.chunkCount).toBeLessThanOrEqual(bytes.length / 9);
  });

  test("many short runs become a bitmap", () => {
    const decoded = decode(encode(stride(0, 131_072, 2)));
    expect(decoded.containerSize).toBe(2 * 8192);
  });

  test("many full blocks stay one run for each chunk", () => {
    const decoded = decode(encode(Splinter.fromRange(0, 0x00ff_ffff)));
    expect(decoded.chunkCount).toBe(256);
    expect(decoded.containerSize).toBe(256 * 16);
  });
});

/** Decodes, and checks what a decoded set promises; answers whether the bytes were a set. */
function decodesCanonicallyOrRefuses(bytes: Uint8Array, context = ""): boolean {
  let set: Splinter;
  try {
    set = decode(bytes);
  } catch (error) {
    expect(error, context).toBeInstanceOf(SplinterError);
    return false;
  }
  const again = encode(set);
  if (again.length !== bytes.length || again.some((byte, index) => byte !== bytes[index])) {
    expect(toHex(again), context).toBe(toHex(bytes));
  }
  if (set.containerSize > 16 * bytes.length) {
    expect(set.containerSize, context).toBeLessThanOrEqual(16 * bytes.length);
  }
  return true;
}

function refusalOf(bytes: Uint8Array): SplinterError | undefined {
  try {
    decode(bytes);
  } catch (error) {
    return error instanceof SplinterError ? error : undefined;
  }
  return undefined;
}

function corpusOf(): readonly (readonly number[])[] {
  const sets = [
    new Splinter(),
    Splinter.of(1),
    Splinter.of(1, 256, 65_536, 0x0100_0000, 0xffff_ffff),
    Splinter.fromRange(1, 40),
    Splinter.fromRange(200, 1500),
    Splinter.fromRange(0, 65_535),
    stride(0, 600, 3),
    stride(5, 40 * 256, 256),
    stride(9, 12 * 65_536, 65_536),
    stride(9, 0x2800_0000, 0x0100_0000),
  ];
  return sets.map((set) => [...encode(set)]);
}

/** One to three small changes at random places: most break a set, some make another set. */
function mutate(original: readonly number[], random: (below: number) => number): Uint8Array {
  const bytes = [...original];
  for (let change = random(3); change >= 0; change--) {
    const at = random(bytes.length);
    const byte = bytes[at] ?? 0;
    switch (random(7)) {
      case 0:
        bytes[at] = byte ^ (1 << random(8));
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        bytes[at] = (byte + 1) & 0xff;
        break;
      case 3:
        bytes.splice(at, 1 + random(3));
        break;
      case 4:
        bytes.splice(at, 0, random(256));
        break;
      case 5:
        bytes.splice(at, 0, ...bytes.slice(at, at + 1 + random(12)));
        break;
      default:
        // A member or key just behind the header: the likeliest place to make another set.
        bytes[4 + random(4)] = random(256);
    }
  }
  return Uint8Array.from(bytes);
}

/** Numbers that look random and follow from the seed alone. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function stride(first: number, end: number, step: number): Splinter {
  const set = new Splinter();
  for (let value = first; value < end; value += step) {
    set.insert(Math.floor(value));
  }
  return set;
}

function hexRange(first: number, last: number): string {
  return toHex(Uint8Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, "").match(/../g) ?? [];
  return Uint8Array.from(digits, (digit) => Number.parseInt(digit, 16));
}

// What a stranger may send in one request. Run by run, the second takes a minute.
describe("tens of megabytes of bytes that are", () => {
  test("full chunks are read in a moment", { timeout: 5000 }, () => {
    const bytes = encode(Splinter.fromRange(0, 43_000 * 65_536 - 1));
    expect(bytes.length).toBeGreaterThan(32_000_000);
    expect(decode(bytes).cardinality).toBe(43_000 * 65_536);
  });

  test("every other member are read in a moment", { timeout: 5000 }, () => {
    const chunk = new Splinter();
    for (let member = 0; member < 65_536; member += 2) chunk.insert(member);
    const words = encode(chunk);
    const set = decode(words);
    for (let at = 0; at < 500; at++) expect(decode(words).cardinality).toBe(32_768);
    expect(set.equals(chunk)).toBe(true);
  });
});
