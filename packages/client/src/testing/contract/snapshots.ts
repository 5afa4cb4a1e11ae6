/** What readers see after commits, pulls and truncations. */
import { pageRange, toPageCount } from "@graft/core";
import { expect, it } from "vitest";
import type { Pin } from "../../store/local-store.ts";
import {
  commit,
  fill,
  type GetStore,
  index,
  pagesOf,
  pull,
  pullSet,
  push,
  put,
  range,
  read,
  readLatest,
  remote,
} from "./store-actions.ts";

export function commits(store: GetStore): void {
  it("is at version 0 without pages when it is new", () => {
    expect(store().state()).toMatchObject({ version: 0, pageCount: 0, isDiverged: false });
    expect(store().state().pending).toEqual([]);
    expect(readLatest(store(), 1)).toBe("zeros");
  });

  it("makes the next version with every commit, and shows its pages to new pins only", () => {
    expect(commit(store(), 2, { 1: 10, 2: 20 })).toBe(1);
    const old = store().pin();
    expect(commit(store(), 2, { 1: 11 })).toBe(2);
    expect([read(store(), old, 1), read(store(), old, 2)]).toEqual([10, 20]);
    expect([readLatest(store(), 1), readLatest(store(), 2)]).toEqual([11, 20]);
    old.close();
  });

  it("lists pending commits, oldest first, with their pages and words", () => {
    commit(store(), 3, { 3: 1, 1: 1 });
    store().commitLocal({ ...pagesOf(3, { 2: 2 }), message: "two", appTransactionId: "t2" });
    expect(
      store()
        .state()
        .pending.map((one) => [...one.pages]),
    ).toEqual([[1, 3], [2]]);
    expect(store().state().pending[1]).toMatchObject({
      version: 2,
      message: "two",
      appTransactionId: "t2",
    });
  });

  it("reads a page that nobody wrote as zeros, and one of zeros as a page", () => {
    commit(store(), 5, { 5: 0 });
    expect(readLatest(store(), 4)).toBe("zeros");
    expect(readLatest(store(), 5)).toBe(0);
    expect(readLatest(store(), 6)).toBe("zeros");
  });

  it("keeps a state value as it was when it was asked for", () => {
    commit(store(), 1, { 1: 1 });
    const state = store().state();
    commit(store(), 1, { 1: 2 });
    expect([state.version, state.pending.length]).toEqual([1, 1]);
  });
}

export function remotePages(store: GetStore): void {
  it("calls a remote page that was never fetched absent, and zeros only beyond the end", () => {
    pull(store(), remote(1, 3));
    expect([readLatest(store(), 1), readLatest(store(), 3)]).toEqual(["absent", "absent"]);
    expect(readLatest(store(), 4)).toBe("zeros");
  });

  it("keeps fetched pages, and the knowledge that one does not exist", () => {
    pull(store(), remote(1, 3));
    const pin = store().pin();
    put(store(), pin, { 1: 10 });
    store().putFetched(pin, index(2), undefined);
    expect([1, 2, 3].map((at) => read(store(), pin, at))).toEqual([10, "zeros", "absent"]);
    expect([...store().absent(pin, pageRange(1, 9))]).toEqual([3]);
    expect([...(store().present(pin, 2) ?? [])]).toEqual([1, 2]);
    expect(store().present(pin, 1)).toBeUndefined();
    pin.close();
  });

  it("leaves a page alone that is local at the pin", () => {
    pull(store(), remote(1, 1));
    commit(store(), 1, { 1: 5 });
    const pin = store().pin();
    put(store(), pin, { 1: 99 });
    expect(read(store(), pin, 1)).toBe(5);
    pin.close();
  });

  it("lets a page fetched for an old pin serve later versions until it changed", () => {
    pull(store(), remote(1, 3));
    const old = store().pin();
    pull(store(), remote(2, 3), [2]);
    commit(store(), 3, { 3: 33 });
    put(store(), old, { 1: 10, 2: 20, 3: 30 });
    expect([1, 2, 3].map((at) => read(store(), old, at))).toEqual([10, 20, 30]);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "absent", 33]);
    old.close();
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "absent", 33]);
  });

  it("never lets an old fetch pass for a newer page that was pushed and evicted", () => {
    pull(store(), remote(1, 1));
    const old = store().pin();
    commit(store(), 1, { 1: 7 });
    push(store(), 2);
    store().evict(0);
    put(store(), old, { 1: 1 });
    expect(read(store(), old, 1)).toBe(1);
    expect([7, "absent"]).toContain(readLatest(store(), 1));
    old.close();
  });

  it("ignores a page that arrives for a pin that was closed", () => {
    pull(store(), remote(1, 1));
    const pin = store().pin();
    pin.close();
    put(store(), pin, { 1: 1 });
    expect(readLatest(store(), 1)).toBe("absent");
  });
}

export function pulls(store: GetStore): void {
  it("calls changed pages absent after a pull, keeps the others, and disturbs no pin", () => {
    fill(store(), remote(1, 3), { 1: 10, 2: 20, 3: 30 });
    const old = store().pin();
    expect(pull(store(), remote(2, 3), [2])).toBe(2);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "absent", 30]);
    expect([1, 2, 3].map((at) => read(store(), old, at))).toEqual([10, 20, 30]);
    old.close();
    expect(readLatest(store(), 2)).toBe("absent");
  });

  it("shows B's page after A pushed it, B changed it, and A pulled and wrote another", () => {
    commit(store(), 2, { 1: 1 });
    push(store(), 1);
    pull(store(), remote(2, 2), [1]);
    commit(store(), 2, { 2: 2 });
    expect([readLatest(store(), 1), readLatest(store(), 2)]).toEqual(["absent", 2]);
    const pin = store().pin();
    put(store(), pin, { 1: 99 });
    expect(read(store(), pin, 1)).toBe(99);
    pin.close();
  });

  it("sums up any number of pulls, with and without pins in between", () => {
    fill(store(), remote(1, 40), Object.fromEntries(range(1, 40).map((at) => [at, at])));
    const pins: Pin[] = [];
    for (let lsn = 2; lsn <= 30; lsn++) {
      if (lsn % 7 === 0) pins.push(store().pin());
      pull(store(), remote(lsn, 40), [lsn]);
    }
    const absent = store().pin();
    expect([...store().absent(absent, pageRange(1, 40))]).toEqual(range(2, 30));
    expect(read(store(), absent, 31)).toBe(31);
    for (const pin of [...pins, absent]) pin.close();
  });

  it("takes a changed set of a hundred million pages as what it is: one range", () => {
    pull(store(), remote(1, 100_000_000));
    pullSet(store(), remote(2, 100_000_000), pageRange(1, toPageCount(100_000_000)));
    expect(readLatest(store(), 99_999_999)).toBe("absent");
  });
}

export function truncations(store: GetStore): void {
  it("reads cut-off pages as zeros after the volume grew again, and old pins as before", () => {
    fill(store(), remote(1, 3), { 1: 10, 3: 30 });
    const old = store().pin();
    commit(store(), 1, {});
    const shrunk = store().pin();
    commit(store(), 3, {});
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "zeros", "zeros"]);
    expect([1, 2, 3].map((at) => read(store(), old, at))).toEqual([10, "absent", 30]);
    expect(read(store(), shrunk, 3)).toBe("zeros");
    old.close();
    shrunk.close();
    expect(readLatest(store(), 3)).toBe("zeros");
  });

  it("reads them as zeros after a push between the shrink and the growth, too", () => {
    fill(store(), remote(1, 3), { 3: 30 });
    commit(store(), 1, {});
    push(store(), 2);
    commit(store(), 3, {});
    push(store(), 3);
    expect([2, 3].map((at) => readLatest(store(), at))).toEqual(["zeros", "zeros"]);
    pull(store(), remote(4, 3), [3]);
    expect([2, 3].map((at) => readLatest(store(), at))).toEqual(["zeros", "absent"]);
  });

  it("forgets remote pages that were cut off remotely", () => {
    fill(store(), remote(1, 3), { 3: 30 });
    pull(store(), remote(2, 1), []);
    pull(store(), remote(3, 3), []);
    expect(readLatest(store(), 3)).toBe("zeros");
    pull(store(), remote(4, 3), [3]);
    expect(readLatest(store(), 3)).toBe("absent");
  });

  it("fetches an evicted page again that lies where the volume once ended", () => {
    commit(store(), 1, { 1: 1 });
    commit(store(), 3, { 3: 3 });
    push(store(), 1);
    store().evict(0);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", "zeros", "absent"]);
  });
}
