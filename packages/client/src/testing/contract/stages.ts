/** Pages that a transaction keeps outside memory. */
import { toPageCount } from "@graft/core";
import { expect, it } from "vitest";
import { stagePages } from "../stage-pages.ts";
import {
  type GetStore,
  index,
  PAGE_SIZE,
  page,
  pull,
  range,
  readLatest,
  remote,
} from "./store-actions.ts";

export function stages(store: GetStore): void {
  it("commits pages that were staged before a pull, each with its own bytes", () => {
    const pages = range(1, 9);
    const staged = stagePages(
      store(),
      pages.map((at) => [at, page(at)]),
    );
    pull(store(), remote(1, 9));
    store().commitLocal({ pageCount: toPageCount(9), pages: new Map(), staged });
    expect(pages.map((at) => readLatest(store(), at))).toEqual(pages);
  });

  it("commits staged pages like others, and forgets dropped ones", () => {
    const contents = [1, 2, 3].map((at) => [at, page(at + 6)] as const);
    const staged = stagePages(store(), [...contents, [1, page(17)]]);
    const target = new Uint8Array(PAGE_SIZE);
    const found = [1, 2, 3, 4].map((at) => staged.read(index(at), target) && target[0]);
    expect(found).toEqual([17, 8, 9, false]);
    expect(readLatest(store(), 1)).toBe("zeros");
    const deleted = [staged.delete(index(2)), staged.delete(index(2))];
    expect([...deleted, staged.count]).toEqual([true, false, 2]);
    expect([...staged.indexes()].sort()).toEqual([1, 3]);
    store().commitLocal({
      pageCount: toPageCount(4),
      pages: new Map([[index(4), page(4)]]),
      staged,
    });
    expect([1, 2, 3, 4].map((at) => readLatest(store(), at))).toEqual([17, "zeros", 9, 4]);
    expect([staged.count, staged.read(index(1), target)]).toEqual([0, false]);
  });

  it("refuses a page that is in memory and staged, and keeps what was staged until it is cleared", () => {
    const staged = stagePages(store(), [
      [1, page(1)],
      [2, page(2)],
    ]);
    const pages = new Map([[index(1), page(5)]]);
    const twice = (): number => store().commitLocal({ pageCount: toPageCount(2), pages, staged });
    expect(twice).toThrow(/in memory or staged/);
    expect(staged.count).toBe(2);
    staged.clear();
    twice();
    expect([1, 2].map((at) => readLatest(store(), at))).toEqual([5, "zeros"]);
  });
}
