import { describe, expect, it } from "vitest";
import { xxh32, xxh32Of } from "./xxh32.ts";

const PRIME = 0x9e37_79b1;
const text = new TextEncoder();

/** The specification's own test bytes. */
function sanityBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let generator = PRIME;
  for (let at = 0; at < size; at++) {
    bytes[at] = generator >>> 24;
    generator = Math.imul(generator, generator) >>> 0;
  }
  return bytes;
}

describe("xxh32", () => {
  it.each([
    [0, 0, 0x02cc_5d05],
    [0, PRIME, 0x36b7_8ae7],
    [1, 0, 0xb85c_bee5],
    [1, PRIME, 0xd584_5d64],
    [14, 0, 0xe5aa_0ab4],
    [14, PRIME, 0x4481_951d],
    [101, 0, 0x1f1a_a412],
    [101, PRIME, 0x498e_c8e2],
  ])("of %i sanity bytes with seed %i is the reference value", (size, seed, expected) => {
    expect(xxh32Of(sanityBytes(size), seed)).toBe(expected);
  });

  it("is the well-known value for a well-known text, from any offset", () => {
    const bytes = text.encode("..Nobody inspects the spammish repetition..");
    const view = new DataView(bytes.buffer);
    expect(xxh32(view, 2, bytes.length - 2)).toBe(0xe229_3b2f);
  });
});
