import { LSN_LAST, toLsn } from "@graft/core";
import { arbitraryBytes, arbitraryLsn } from "@graft/core/testing";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeHeadHint, encodeHeadHint } from "./head-hint.ts";

const text = (hint: string): Uint8Array => new TextEncoder().encode(hint);

test("a head hint says the LSN it was made from", () => {
  fc.assert(
    fc.property(arbitraryLsn(), (lsn) => {
      expect(decodeHeadHint(encodeHeadHint(lsn))).toBe(lsn);
    }),
  );
  expect(decodeHeadHint(encodeHeadHint(LSN_LAST))).toBe(LSN_LAST);
  expect(encodeHeadHint(toLsn(255n))).toEqual(text("00000000000000ff"));
});

test.each([
  "",
  "1",
  "0000000000000000",
  "00000000000000FF",
  "00000000000000ff\n",
  " 0000000000000ff",
  "000000000000000ÿ",
])("the damaged hint %j says nothing", (hint) => {
  expect(decodeHeadHint(text(hint))).toBeUndefined();
});

test("no bytes make the hint throw", () => {
  fc.assert(
    fc.property(arbitraryBytes(0, 20), (bytes) => {
      const lsn = decodeHeadHint(bytes);
      if (lsn !== undefined) expect(encodeHeadHint(lsn)).toEqual(bytes);
    }),
  );
});
