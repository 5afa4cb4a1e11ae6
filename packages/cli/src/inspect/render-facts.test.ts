import { pageSetOf, toPageIndex } from "@graft/core";
import { expect, it } from "vitest";
import { type Facts, pageSetText, plainFacts } from "./facts.ts";
import { renderFacts } from "./render-facts.ts";

const pages = pageSetOf([1, 2, 3, 9].map((index) => toPageIndex(index)));
const facts: Facts = {
  lsn: 7n,
  hash: Uint8Array.of(0, 255),
  nothing: undefined,
  pages,
  names: ["a", "b"],
  checkpoint: { lsn: 4n },
  frames: [
    { frame: 0, codec: "raw", inner: [{ page: 1 }] },
    { frame: 10, codec: "zstd" },
  ],
  none: [],
};

it("facts for people: names in columns, lists as tables, what is deeper below", () => {
  expect(renderFacts(facts).split("\n")).toEqual([
    "lsn    7",
    "hash   00ff",
    "pages  1-3 9",
    "names  a b",
    "checkpoint:",
    "  lsn  4",
    "frames (2):",
    "  frame  codec",
    "  ─────  ─────",
    "      0  raw",
    "    inner (1):",
    "      page",
    "      ────",
    "         1",
    "     10  zstd",
  ]);
});

it("facts for programs: sets as runs, bytes as hex, nothing is left out but what is not there", () => {
  expect(plainFacts(facts)).toEqual({
    lsn: 7n,
    hash: "00ff",
    nothing: undefined,
    pages: "1-3 9",
    names: ["a", "b"],
    checkpoint: { lsn: 4n },
    frames: [
      { frame: 0, codec: "raw", inner: [{ page: 1 }] },
      { frame: 10, codec: "zstd" },
    ],
    none: [],
  });
});

it("long lists are cut for people, and say so", () => {
  const rows = Array.from({ length: 70 }, (_, row) => ({ row }));
  expect(renderFacts({ rows }).split("\n").at(-1)).toBe("  … 6 more; --json has them all");
  expect(pageSetText(pages, 1)).toBe("1-3 …");
});
