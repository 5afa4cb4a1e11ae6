import { encode, Splinter } from "@graft/splinter";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE_DEFAULT, toPageSize } from "./page.ts";
import { PAGE_COUNT_MAX, PAGE_COUNT_ZERO, toPageCount } from "./page-count.ts";
import { PAGE_INDEX_LAST, toPageIndex } from "./page-index.ts";
import { decodePageSet, encodePageSet, pageRange, pageSetOf } from "./page-set.ts";
import { arbitraryPage, arbitraryPageSet } from "./testing/arbitraries.ts";

const invalid = expect.objectContaining({ name: "GraftError", code: "invalid-argument" });

describe("a page size", () => {
  test("is a power of two from 512 to 65536", () => {
    const sizes = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
    expect(sizes.map(toPageSize)).toEqual(sizes);
    expect(PAGE_SIZE_DEFAULT).toBe(4096);
  });

  test.each([0, 256, 511, 1000, 4095, 131_072, -512, 4096.5, Number.NaN])("%d is none", (size) => {
    expect(() => toPageSize(size)).toThrow(invalid);
  });
});

describe("a page index and a page count", () => {
  test("reach to SQLite's last page", () => {
    expect(PAGE_INDEX_LAST).toBe(0xffff_fffe);
    expect(PAGE_COUNT_MAX).toBe(0xffff_fffe);
    expect([toPageIndex(1), PAGE_COUNT_ZERO]).toEqual([1, 0]);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 0xffff_ffff, 2 ** 32])(
    "%d is no page index",
    (value) => {
      expect(() => toPageIndex(value)).toThrow(invalid);
    },
  );

  test.each([-1, 0.5, Number.NaN, 0xffff_ffff])("%d is no page count", (value) => {
    expect(() => toPageCount(value)).toThrow(invalid);
  });
});

describe("a page set", () => {
  test("makes the round trip through its wire form", () => {
    fc.assert(
      fc.property(arbitraryPageSet(), (set) => {
        const again = decodePageSet(encodePageSet(set), "corrupt");
        expect([...again.ranges()]).toEqual([...set.ranges()]);
      }),
      { numRuns: 50 },
    );
  });

  test("that holds page 0 is refused, in the words of the caller", () => {
    const bytes = encode(Splinter.of(0, 1, 2));
    for (const code of ["invalid-argument", "corrupt"] as const) {
      expect(() => decodePageSet(bytes, code)).toThrow(expect.objectContaining({ code }));
    }
    expect(() => decodePageSet(bytes, "corrupt")).toThrow("page index 0 is never valid");
  });

  test("of any malformed bytes is refused as a GraftError, or reads as what it encodes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          expect([...encodePageSet(decodePageSet(bytes, "corrupt"))]).toEqual([...bytes]);
        } catch (error) {
          expect(error).toMatchObject({ name: "GraftError", code: "corrupt" });
        }
      }),
    );
  });

  test("of a range includes both ends, and none is the empty set", () => {
    expect([...pageRange(3, 5)]).toEqual([3, 4, 5]);
    expect(pageRange(5, 4).isEmpty).toBe(true);
    expect(pageRange(1, 0).isEmpty).toBe(true);
    expect([...pageSetOf([7, 3, 7].map(toPageIndex))]).toEqual([3, 7]);
  });
});

test("generated pages have the size asked for", () => {
  fc.assert(
    fc.property(arbitraryPage(toPageSize(512), 100), ({ index, data }) => {
      expect(index).toBeLessThanOrEqual(100);
      expect(data).toHaveLength(512);
    }),
    { numRuns: 20 },
  );
});
