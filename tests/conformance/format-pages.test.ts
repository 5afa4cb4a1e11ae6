/**
 * The worked examples of `docs/formats` are the golden bytes: a page cannot drift away from the
 * code.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const docs = new URL("../../docs/formats/", import.meta.url);
const fixtures = new URL("../fixtures/formats/", import.meta.url);

interface Row {
  readonly offset: number;
  readonly size: number;
  readonly bytes: string;
}

/** Every table of a page that says which golden bytes it takes apart. */
function goldenTables(page: string): { readonly golden: string; readonly rows: readonly Row[] }[] {
  const text = readFileSync(new URL(page, docs), "utf8");
  return [...text.matchAll(/<!-- golden: ([a-z-]+) -->\n((?:\|.*\n)+)/g)].map(
    ([, golden, table]) => ({
      golden: golden ?? "",
      rows: [...(table ?? "").matchAll(/^\| (\d+) \| (\d+) \| `([0-9a-f …]+)` \|/gm)].map(
        ([, offset, size, bytes]) => ({
          offset: Number(offset),
          size: Number(size),
          bytes: bytes ?? "",
        }),
      ),
    }),
  );
}

const tables = readdirSync(docs).flatMap((page) =>
  goldenTables(page).map((table) => ({ page, ...table })),
);

describe("the worked examples of the format pages", () => {
  test("are there", () => {
    expect(tables.map(({ golden }) => golden).sort()).toEqual([
      "block-checkpoint",
      "commit-inline",
      "commit-tail-index",
      "page-set",
      "root-checkpoint",
      "segment",
      "volume",
    ]);
  });

  test.each(tables)("$page takes $golden apart, byte for byte", ({ golden, rows }) => {
    const hex = readFileSync(new URL(`${golden}.hex`, fixtures), "utf8").replaceAll(/\s/g, "");
    let end = 0;
    for (const { offset, size, bytes } of rows) {
      expect(offset).toBe(end);
      end = offset + size;
      const part = hex.slice(offset * 2, end * 2);
      // A long row shows its first and last bytes.
      const [start = "", rest = ""] = bytes.split(" … ");
      if (rest === "") expect(start).toBe(part);
      else expect([start, rest]).toEqual([part.slice(0, start.length), part.slice(-rest.length)]);
    }
    expect(end * 2).toBe(hex.length);
  });
});
