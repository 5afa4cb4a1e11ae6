/** Eviction, refusals, and what a reopened store knows. */
import { GraftError, pageRange, toPageCount, toPageSize } from "@graft/core";
import { expect, it } from "vitest";
import {
  commit,
  commitId,
  fill,
  type GetStore,
  index,
  PAGE_SIZE,
  page,
  pull,
  push,
  range,
  read,
  readLatest,
  remote,
} from "./store-actions.ts";

export function evictions(store: GetStore): void {
  it("evicts clean pages, and never unpushed ones or those of a pin", () => {
    fill(store(), remote(1, 3), { 1: 10, 2: 20 });
    commit(store(), 3, { 3: 30 });
    const pin = store().pin();
    store().evict(0);
    expect([1, 2, 3].map((at) => read(store(), pin, at))).toEqual([10, 20, 30]);
    pin.close();
    store().evict(0);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", "absent", 30]);
    expect(store().usage()).toEqual({ pages: 1, bytes: PAGE_SIZE });
  });

  it("evicts no more than asked, and what was read last goes last", () => {
    const contents = Object.fromEntries(range(1, 600).map((at) => [at, at % 251]));
    fill(store(), remote(1, 600), contents);
    for (const at of range(1, 300)) readLatest(store(), at);
    store().evict(300 * PAGE_SIZE);
    expect(store().usage().pages).toBe(300);
    const pin = store().pin();
    expect(store().absent(pin, pageRange(1, 290)).cardinality).toBeLessThan(15);
    pin.close();
  });

  it("can evict what was pushed", () => {
    commit(store(), 1, { 1: 1 });
    store().evict(0);
    expect(readLatest(store(), 1)).toBe(1);
    push(store(), 1);
    store().evict(0);
    expect(readLatest(store(), 1)).toBe("absent");
  });
}

export function refusals(store: GetStore): void {
  it("refuses pages of another size, and changes nothing", () => {
    pull(store(), remote(1, 1));
    const wrong = new Uint8Array(1024);
    const refused = (work: () => unknown): void => {
      expect(work).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    };
    refused(() => store().openStage().put(index(1), wrong));
    refused(() =>
      store().commitLocal({ pageCount: toPageCount(1), pages: new Map([[index(1), wrong]]) }),
    );
    refused(() =>
      store().applyRemote({ ...remote(2, 1), pageSize: toPageSize(1024) }, pageRange(1, 1)),
    );
    expect(store().state()).toMatchObject({ version: 1, remote: remote(1, 1) });
    expect(() => store().openStage().put(index(1), wrong)).toThrow(GraftError);
  });

  it("crashes on calls that make no sense", () => {
    expect(() => store().completePush(remote(1, 0))).toThrow(/a push was prepared/);
    expect(() => store().preparePush(commitId(1))).toThrow(/something to push/);
    commit(store(), 1, { 1: 1 });
    expect(() => pull(store(), remote(1, 1))).toThrow(/without pending commits/);
    expect(() => commit(store(), 1, { 2: 1 })).toThrow(/above its page count/);
    store().preparePush(commitId(1));
    expect(() => store().preparePush(commitId(2))).toThrow(/one push/);
    expect(() => store().completePush(remote(1, 9))).toThrow(/page count/);
    const pin = store().pin();
    pin.close();
    expect(() => read(store(), pin, 1)).toThrow(/closed/);
    expect(store().state()).toMatchObject({ version: 1 });
  });
}

export function reopening(store: { readonly get: GetStore; readonly reopen: () => void }): void {
  it("knows everything again after it was closed and opened", () => {
    fill(store.get(), remote(1, 9), { 1: 10, 2: 20, 4: 40 });
    pull(store.get(), remote(2, 9), [2]);
    commit(store.get(), 9, { 3: 30 });
    store.get().preparePush(commitId(1));
    commit(store.get(), 9, { 3: 31 });
    const { pending, ...facts } = store.get().state();
    store.reopen();
    expect(store.get().state()).toMatchObject(facts);
    expect(
      store
        .get()
        .state()
        .pending.map((one) => [...one.pages]),
    ).toEqual([[3], [3]]);
    expect(pending).toHaveLength(2);
    expect(range(1, 5).map((at) => readLatest(store.get(), at))).toEqual([
      10,
      "absent",
      31,
      40,
      "absent",
    ]);
    const pin = store.get().pinPush();
    expect(pin && read(store.get(), pin, 3)).toBe(30);
    pin?.close();
    expect(store.get().pageSize).toBe(PAGE_SIZE);
  });

  it("forgets staged pages when it is closed", () => {
    commit(store.get(), 1, { 1: 1 });
    store.get().openStage().put(index(1), page(2));
    store.reopen();
    expect(readLatest(store.get(), 1)).toBe(1);
    expect(store.get().usage().pages).toBe(1);
  });
}
