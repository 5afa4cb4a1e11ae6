import { randomBytes } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { expect, it } from "vitest";
import { describePage, pageKind } from "./describe-page.ts";

/** A leaf of a table: two rows, the second goes on at overflow page 9. */
function leafTable(): Uint8Array {
  const page = new Uint8Array(512);
  const view = new DataView(page.buffer);
  page[0] = 13;
  view.setUint16(3, 2);
  view.setUint16(5, 300);
  view.setUint16(8, 500);
  view.setUint16(10, 300);
  // Payload 5, rowid 129.
  page.set([5, 0x81, 0x01], 500);
  // Payload 1000, rowid 3: 512 − 35 = 477 at most here, 39 + (1000 − 39) % 508 = 492 is more: 39.
  page.set([0x87, 0x68, 3], 300);
  view.setUint32(303 + 39, 9);
  return page;
}

it("a leaf of a table: its header, its cells, where a row goes on", async () => {
  const { facts } = await describePage(leafTable(), 7);
  expect(facts).toMatchObject({
    page: 7,
    is: "B-tree page",
    tree: "leaf table",
    cellCount: 2,
    contentStart: 300,
    unallocatedBytes: 288,
    fault: undefined,
    cells: [
      { cell: 0, offset: 500, rowid: 129n, payload: 5n },
      { cell: 1, offset: 300, rowid: 3n, payload: 1000n, local: 39n, overflowPage: 9 },
    ],
  });
});

it("an inner page of a table: children and the keys between them", async () => {
  const page = new Uint8Array(512);
  const view = new DataView(page.buffer);
  page[0] = 5;
  view.setUint16(3, 1);
  view.setUint16(5, 505);
  view.setUint32(8, 77);
  view.setUint16(12, 505);
  view.setUint32(505, 44);
  page[509] = 99;
  expect((await describePage(page, 3)).facts).toMatchObject({
    tree: "interior table",
    rightmostChild: 77,
    cells: [{ leftChild: 44, rowid: 99n }],
  });
});

it("pages that lie: what is wrong is said, nothing throws", async () => {
  const page = new Uint8Array(512).fill(255);
  page[0] = 10;
  expect((await describePage(page, 2)).facts).toMatchObject({
    tree: "leaf index",
    cellCount: 65_535,
    fault: expect.stringContaining("after the page"),
    cells: [],
  });
  const over = leafTable();
  new DataView(over.buffer).setUint16(8, 511);
  expect((await describePage(over, 2)).facts).toMatchObject({
    cells: [{ fault: "the cell ends after the page" }, {}],
  });
  const random = new SeededRandom(11);
  for (let round = 0; round < 2000; round++) {
    const bytes = randomBytes(random, 512);
    bytes[0] = [2, 5, 10, 13, 0][round % 5] ?? 0;
    const inspection = await describePage(bytes, 1 + (round % 3), async () => bytes);
    expect(inspection.kind).toBe("page");
  }
});

it("pages in a few words", () => {
  expect(pageKind(leafTable(), 5)).toBe("leaf table");
  expect(pageKind(new Uint8Array(512), 5)).toBe("zeros");
  expect(pageKind(new Uint8Array(512).fill(1), 5)).toBe("overflow, freelist or pointer map");
});

it("a freelist that goes in circles ends", async () => {
  const first = new Uint8Array(512);
  first.set(new TextEncoder().encode("SQLite format 3\0"));
  const view = new DataView(first.buffer);
  view.setUint16(16, 512);
  view.setUint32(28, 10);
  view.setUint32(32, 4);
  const trunk = new Uint8Array(512);
  new DataView(trunk.buffer).setUint32(0, 4);
  const read = async (index: number): Promise<Uint8Array> => (index === 1 ? first : trunk);
  expect((await describePage(new Uint8Array(512), 6, read)).facts).toMatchObject({ is: "zeros" });
  expect((await describePage(trunk, 4, read)).facts).toMatchObject({ is: "freelist trunk" });
});
