import { type Compute, GraftError, isGraftError } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { arbitraryBytes } from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeRecord, encodeRecord, peekRecord, RECORD, RECORD_KINDS } from "./record.ts";

const compute: Compute = nodeCompute;
const NAME = "volumes/x/volume";
const BODY = Uint8Array.of(1, 2, 3);
const GOOD = encodeRecord("volume", BODY, compute);

/** The record with a byte changed and, when asked for, the checksum made right again. */
function changed(at: number, byte: number, isSealed: boolean): Uint8Array {
  const bytes = GOOD.slice();
  bytes[at] = byte;
  if (isSealed) {
    const end = bytes.length - RECORD.checksumSize;
    bytes.set(compute.sha256(bytes.subarray(0, end)).subarray(0, RECORD.checksumSize), end);
  }
  return bytes;
}

function refusal(bytes: Uint8Array): string {
  try {
    decodeRecord("volume", bytes, NAME, compute);
  } catch (error) {
    if (isGraftError(error, "corrupt")) return error.message;
    throw error;
  }
  return "accepted";
}

describe("a record", () => {
  test("gives back the body it wraps, of any content and size", () => {
    fc.assert(
      fc.property(arbitraryBytes(0, 300), (body) => {
        const bytes = encodeRecord("commit", body, compute);
        expect(bytes.length).toBe(body.length + RECORD.overhead);
        expect(decodeRecord("commit", bytes, NAME, compute)).toEqual(body);
      }),
    );
  });

  test("is read wherever it lies in a greater buffer", () => {
    const buffer = new Uint8Array(100);
    buffer.set(GOOD, 33);
    const view = buffer.subarray(33, 33 + GOOD.length);
    expect(decodeRecord("volume", view, NAME, compute)).toEqual(BODY);
  });

  test.each([
    ["wrong magic", changed(0, 0x67, true), "it does not begin with the magic GRFT"],
    ["another kind", changed(4, 2, true), "expected a volume record, got commit"],
    ["an unknown kind", changed(4, 9, true), "expected a volume record, got unknown kind 9"],
    ["a newer version", changed(5, 2, true), "expected version 1, got 2; a newer graft may"],
    ["a body size too high", changed(9, 4, true), "expected a body of 4 bytes, got 3"],
    ["a body size far too high", changed(6, 255, true), "expected a body of 4278190083 bytes"],
    ["a changed body", changed(10, 9, false), "its checksum does not match its bytes"],
    ["a changed checksum", changed(20, 9, false), "its checksum does not match its bytes"],
    ["a cut end", GOOD.subarray(0, -1), "expected a body of 3 bytes, got 2"],
    ["bytes behind it", new Uint8Array([...GOOD, 0]), "expected a body of 3 bytes, got 4"],
    ["nothing", new Uint8Array(0), "expected a volume record of 18 … 4096 bytes, got 0"],
    ["too much", new Uint8Array(4097), "expected a volume record of 18 … 4096 bytes, got 4097"],
  ])("with %s is refused by name", (_, bytes, condition) => {
    expect(refusal(bytes)).toContain(`${NAME} is corrupt: ${condition}`);
  });

  test("with any one bit flipped is refused", () => {
    for (let bit = 0; bit < GOOD.length * 8; bit++) {
      const bytes = GOOD.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(refusal(bytes), `bit ${bit}`).not.toBe("accepted");
    }
  });

  test("says what it is without being verified", () => {
    expect(peekRecord(GOOD)).toEqual({ kind: "volume", version: 1 });
    expect(peekRecord(changed(10, 9, false))).toEqual({ kind: "volume", version: 1 });
    expect(peekRecord(GOOD.subarray(0, 5))).toBeUndefined();
    expect(peekRecord(changed(0, 1, false))).toBeUndefined();
    expect(peekRecord(changed(4, 99, false))).toBeUndefined();
  });

  test("names the object and the condition in its details", () => {
    try {
      decodeRecord("volume", GOOD.subarray(1), NAME, compute);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(GraftError);
      if (error instanceof GraftError) expect(error.details).toMatchObject({ object: NAME });
    }
  });

  test.each(Object.entries(RECORD_KINDS))("of kind %s has a code of its own", (_, facts) => {
    const same = Object.values(RECORD_KINDS).filter((other) => other.code === facts.code);
    expect(same).toHaveLength(1);
  });
});
