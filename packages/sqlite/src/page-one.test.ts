import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  equalsUnderMask,
  HEADER_MAGIC,
  hasHeaderMagic,
  maskPageOne,
  readUint32,
  SQLITE_VERSION_NUMBER,
  statedPageCount,
  statedPageSize,
  unmaskPageOne,
  writeUint32,
} from "./page-one.ts";

const page = fc.uint8Array({ minLength: 512, maxLength: 512 });

describe("page 1", () => {
  test("stored form has zeros where SQLite says who wrote last, and nowhere else", () => {
    const stored = new Uint8Array(512).fill(0xff);
    maskPageOne(stored);
    const zeros = [...stored.keys()].filter((at) => stored[at] === 0);
    expect(zeros).toEqual([24, 25, 26, 27, 92, 93, 94, 95, 96, 97, 98, 99]);
  });

  test("a reader sees the counter twice and one version number, modulo 2^32", () => {
    const seen = new Uint8Array(512);
    unmaskPageOne(seen, 2 ** 32 + 7);
    expect([readUint32(seen, 24), readUint32(seen, 92), readUint32(seen, 96)]).toEqual([
      7,
      7,
      SQLITE_VERSION_NUMBER,
    ]);
  });

  test("unmasking and masking again stores the same bytes, whatever the counter", () => {
    fc.assert(
      fc.property(page, fc.nat(), (bytes, counter) => {
        const stored = bytes.slice();
        maskPageOne(stored);
        const seen = stored.slice();
        unmaskPageOne(seen, counter);
        expect(equalsUnderMask(seen, stored)).toBe(true);
        maskPageOne(seen);
        expect(seen).toEqual(stored);
      }),
    );
  });

  test("two pages that differ outside the mask are not equal", () => {
    fc.assert(
      fc.property(page, fc.nat({ max: 511 }), (bytes, at) => {
        const other = bytes.slice();
        other[at] = (other[at] ?? 0) ^ 1;
        const isMasked = (at >= 24 && at < 28) || (at >= 92 && at < 100);
        expect(equalsUnderMask(bytes, other)).toBe(isMasked);
      }),
    );
  });

  test("pages of different sizes are not equal", () => {
    expect(equalsUnderMask(new Uint8Array(512), new Uint8Array(1024))).toBe(false);
  });

  test("the header states page size, page count and magic", () => {
    const header = new Uint8Array(100);
    header.set(HEADER_MAGIC);
    header.set([0x10, 0x00], 16);
    writeUint32(header, 28, 0xffff_fffe);
    expect(hasHeaderMagic(header)).toBe(true);
    expect(statedPageSize(header)).toBe(4096);
    expect(statedPageCount(header)).toBe(0xffff_fffe);
    header.set([0x00, 0x01], 16);
    expect(statedPageSize(header)).toBe(65_536);
    header[3] = 0;
    expect(hasHeaderMagic(header)).toBe(false);
  });
});
