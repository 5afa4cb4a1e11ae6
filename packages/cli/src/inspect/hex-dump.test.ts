import { expect, it } from "vitest";
import { hexDump } from "./hex-dump.ts";

it("a dump has offsets, bytes and text, and says runs of equal lines once", () => {
  const bytes = new Uint8Array(83);
  bytes.set(new TextEncoder().encode("SQLite format 3"));
  bytes.set([1, 2, 3], 80);
  expect(hexDump(bytes).split("\n")).toEqual([
    "00000000  53 51 4c 69 74 65 20 66  6f 72 6d 61 74 20 33 00  |SQLite format 3.|",
    "00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|",
    "*",
    "00000050  01 02 03                                          |...|",
  ]);
});

it("a dump of much says how much it leaves out", () => {
  const dump = hexDump(new Uint8Array(65_536 + 7).fill(1));
  expect(dump.split("\n").at(-1)).toBe("… 7 more bytes");
});
