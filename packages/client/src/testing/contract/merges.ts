/** What a pending commit says of itself, and how it is carried over to another remote snapshot. */
import { pageRange } from "@graft/core";
import { expect, it } from "vitest";
import {
  commit,
  commitAndPin,
  commitId,
  fill,
  type GetStore,
  pagesOf,
  pull,
  push,
  put,
  read,
  readLatest,
  remote,
} from "./store-actions.ts";

const NOTE = { message: "work", appTransactionId: "tx-1", reads: pageRange(1, 9) } as const;

/** Bytes unlike any others. */
function replayOf(seed: number): Uint8Array {
  return Uint8Array.from({ length: 5000 }, (_, at) => at * seed);
}

export function notes(store: GetStore): void {
  it("keeps what a commit read, and how to run it again, as long as it pends", () => {
    fill(store(), remote(1, 2), { 1: 1 });
    store().commitLocal({ ...pagesOf(2, { 1: 1 }), ...NOTE, replay: replayOf(3) });
    commit(store(), 2, { 2: 2 });
    store().commitLocal({ ...pagesOf(2, { 2: 3 }), replay: replayOf(7) });
    const [first, second, third] = store().state().pending;
    expect(first).toMatchObject({ ...NOTE, replay: replayOf(3) });
    expect([...(first?.reads ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([second?.reads, second?.replay, second?.message]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([third?.reads, third?.replay]).toEqual([undefined, replayOf(7)]);
  });

  it("keeps the note of a commit that came after a push", () => {
    store().commitLocal({ ...pagesOf(1, { 1: 1 }), replay: replayOf(1) });
    store().preparePush(commitId(1));
    store().commitLocal({ ...pagesOf(1, { 1: 2 }), ...NOTE, replay: replayOf(2) });
    store().completePush(remote(1, 1));
    expect(store().state().pending).toHaveLength(1);
    expect(store().state().pending[0]).toMatchObject({ ...NOTE, replay: replayOf(2) });
  });
}

export function merges(store: GetStore): void {
  it("carries pending commits over to another snapshot, with their pages and their notes", () => {
    fill(store(), remote(1, 4), { 1: 10, 2: 20, 3: 30, 4: 40 });
    store().commitLocal({ ...pagesOf(4, { 2: 21 }), ...NOTE, replay: replayOf(5) });
    const mine = commitAndPin(store(), 4, { 3: 31 });
    expect(store().mergeRemote(remote(2, 6), pageRange(4, 6))).toBe(4);
    expect(store().state()).toMatchObject({ version: 4, pageCount: 6, remote: remote(2, 6) });
    expect(store().state().pending).toMatchObject([
      { version: 2, pageCount: 6, ...NOTE, replay: replayOf(5) },
      { version: 3, pageCount: 6 },
    ]);
    expect([1, 2, 3, 4].map((at) => readLatest(store(), at))).toEqual([10, 21, 31, "absent"]);
    expect([1, 2, 3, 4, 5].map((at) => read(store(), mine, at))).toEqual([10, 21, 31, 40, "zeros"]);
    mine.close();
  });

  it("fetches what changed at the new snapshot, and never over local work", () => {
    fill(store(), remote(1, 3), { 1: 10, 2: 20, 3: 30 });
    commit(store(), 3, { 2: 21 });
    store().mergeRemote(remote(2, 3), pageRange(3, 3));
    const pin = store().pin();
    put(store(), pin, { 2: 99, 3: 33 });
    expect([1, 2, 3].map((at) => read(store(), pin, at))).toEqual([10, 21, 33]);
    pin.close();
    store().evict(0);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", 21, "absent"]);
  });

  it("pushes what was carried over, as it is now, with what came later", () => {
    fill(store(), remote(1, 3), { 1: 10 });
    commit(store(), 3, { 2: 21 });
    store().mergeRemote(remote(2, 5), pageRange(4, 5));
    commit(store(), 5, { 1: 11 });
    store().mergeRemote(remote(3, 5), pageRange(5, 5));
    const prepared = store().preparePush(commitId(1));
    expect([...prepared.pages]).toEqual([1, 2]);
    expect(prepared).toMatchObject({ base: 3n, commitCount: 2, pageCount: 5, lowPageCount: 5 });
    const pin = store().pinPush();
    expect(pin && [read(store(), pin, 1), read(store(), pin, 2)]).toEqual([11, 21]);
    pin?.close();
    store().completePush(remote(4, 5));
    expect(store().state()).toMatchObject({ pending: [], remote: remote(4, 5) });
    pull(store(), remote(5, 5), [2]);
    expect([readLatest(store(), 1), readLatest(store(), 2)]).toEqual([11, "absent"]);
  });

  it("gives up what was carried over when it is reset", () => {
    fill(store(), remote(1, 2), { 1: 10, 2: 20 });
    commit(store(), 2, { 2: 21 });
    store().mergeRemote(remote(2, 2), pageRange(1, 1));
    store().resetToRemote(remote(2, 2), pageRange(1, 0));
    expect(store().state().pending).toEqual([]);
    expect([1, 2].map((at) => readLatest(store(), at))).toEqual(["absent", "absent"]);
  });

  it("is diverged no more when its commits were carried over", () => {
    fill(store(), remote(1, 2), { 2: 20 });
    commit(store(), 2, { 2: 21 });
    store().markDiverged();
    store().mergeRemote(remote(2, 2), pageRange(1, 1));
    expect(store().state()).toMatchObject({ isDiverged: false, remote: remote(2, 2) });
    push(store(), 3);
    expect(store().state().pending).toEqual([]);
  });

  it("refuses to carry over what changed, resized, or lies beyond the new end", () => {
    fill(store(), remote(1, 3), { 3: 30 });
    commit(store(), 3, { 3: 31 });
    expect(() => store().mergeRemote(remote(2, 3), pageRange(3, 3))).toThrow(/did not change/);
    expect(() => store().mergeRemote(remote(2, 2), pageRange(1, 1))).toThrow(/exist on/);
    expect(() => store().mergeRemote(remote(1, 3), pageRange(1, 1))).toThrow(/later snapshot/);
    commit(store(), 4, {});
    expect(() => store().mergeRemote(remote(2, 4), pageRange(1, 1))).toThrow(/page count alone/);
    expect(readLatest(store(), 3)).toBe(31);
    expect(store().state()).toMatchObject({ version: 3, remote: remote(1, 3) });
  });
}

/** What a commit says of itself is as durable as its pages. */
export function notesReopened(store: {
  readonly get: GetStore;
  readonly reopen: () => void;
}): void {
  it("has the notes of pending commits again after it was closed and opened, carried over or not", () => {
    fill(store.get(), remote(1, 9), { 1: 10 });
    const seeds = [3, 5, 7];
    for (const seed of seeds) {
      store.get().commitLocal({ ...pagesOf(9, { [seed]: seed }), ...NOTE, replay: replayOf(seed) });
      const { length } = store.get().state().pending;
      store.reopen();
      const { pending } = store.get().state();
      expect(pending.map(({ replay }) => replay)).toEqual(seeds.slice(0, length).map(replayOf));
      expect(pending.every(({ reads }) => reads?.cardinality === 9)).toBe(true);
    }
    store.get().mergeRemote(remote(2, 9), pageRange(8, 9));
    store.reopen();
    expect(store.get().state()).toMatchObject({ remote: remote(2, 9), pageCount: 9 });
    const { pending } = store.get().state();
    expect(pending.map(({ replay }) => replay)).toEqual(seeds.map(replayOf));
    expect([3, 5, 7, 8].map((at) => readLatest(store.get(), at))).toEqual([3, 5, 7, "absent"]);
  });
}
