/** What pushes and resets change, and what not. */
import { createSegmentId, MutablePageSet, pageSetOf } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { expect, it } from "vitest";
import {
  commit,
  commitAndPin,
  commitId,
  fill,
  type GetStore,
  index,
  pull,
  read,
  readLatest,
  remote,
} from "./store-actions.ts";

export function pushes(store: GetStore): void {
  it("folds all pending commits: newest pages, and none that was cut off later", () => {
    commit(store(), 4, { 1: 1, 4: 4 });
    commit(store(), 2, { 1: 2 });
    commit(store(), 3, { 2: 2 });
    const prepared = store().preparePush(commitId(1));
    expect([...prepared.pages]).toEqual([1, 2]);
    expect(prepared).toMatchObject({
      commitId: commitId(1),
      base: undefined,
      toVersion: 3,
      commitCount: 3,
    });
    expect(prepared).toMatchObject({ pageCount: 3, lowPageCount: 2 });
    expect(store().state().push).toEqual(prepared);
  });

  it("keeps what a prepared push sends readable while commits go on", () => {
    commit(store(), 2, { 1: 1, 2: 2 });
    store().preparePush(commitId(1));
    commit(store(), 1, { 1: 11 });
    const pin = store().pinPush();
    expect(pin).toMatchObject({ version: 1, pageCount: 2 });
    expect(pin && [read(store(), pin, 1), read(store(), pin, 2)]).toEqual([1, 2]);
    pin?.close();
  });

  it("remembers what was uploaded of a push, and forgets it with the push", () => {
    const ids = { clock: new SimulatedClock(), random: new SeededRandom(1) };
    commit(store(), 3, { 1: 1, 2: 2, 3: 3 });
    expect(store().preparePush(commitId(1)).uploaded).toEqual([]);
    const [a, b, c] = [1, 2, 3].map((at) => ({
      segmentId: createSegmentId(ids),
      pageSet: pageSetOf([index(at)]),
      sizeBytes: 700 + at,
    }));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three segments");
    for (const uploaded of [[a], [a, b], [b, c], [b, c]]) {
      store().keepUploaded(uploaded);
      expect(store().state().push?.uploaded).toEqual(uploaded);
    }
    store().abandonPush();
    expect(store().preparePush(commitId(2)).uploaded).toEqual([]);
  });

  it("moves the snapshot and no version when a push completes, and keeps later commits pending", () => {
    commit(store(), 1, { 1: 1 });
    store().preparePush(commitId(1));
    commit(store(), 1, { 1: 2 });
    store().completePush(remote(1, 1));
    expect(store().state()).toMatchObject({ version: 2, push: undefined, remote: remote(1, 1) });
    expect(
      store()
        .state()
        .pending.map((one) => one.version),
    ).toEqual([2]);
    expect(readLatest(store(), 1)).toBe(2);
    expect(store().pinPush()).toBeUndefined();
  });

  it("has the commits pending again after a push that was abandoned", () => {
    commit(store(), 1, { 1: 1 });
    store().preparePush(commitId(1));
    store().abandonPush();
    expect(store().state()).toMatchObject({ push: undefined, isDiverged: false });
    expect(store().state().pending).toHaveLength(1);
    expect(store().preparePush(commitId(2)).commitId).toBe(commitId(2));
  });

  it("remembers that it is diverged until it is reset", () => {
    pull(store(), remote(1, 1));
    commit(store(), 1, { 1: 1 });
    store().preparePush(commitId(1));
    store().markDiverged();
    expect(store().state()).toMatchObject({ push: undefined, isDiverged: true });
    expect(readLatest(store(), 1)).toBe(1);
    store().resetToRemote(remote(2, 1), new MutablePageSet());
    expect(store().state().isDiverged).toBe(false);
  });
}

export function resets(store: GetStore): void {
  it("gives up local work, also when the remote has nothing newer", () => {
    fill(store(), remote(1, 2), { 1: 10, 2: 20 });
    const mine = commitAndPin(store(), 3, { 1: 11, 3: 33 });
    expect(store().resetToRemote(remote(1, 2), new MutablePageSet())).toBe(3);
    expect(store().state()).toMatchObject({ version: 3, pageCount: 2, remote: remote(1, 2) });
    expect(store().state().pending).toEqual([]);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", 20, "zeros"]);
    expect([1, 2, 3].map((at) => read(store(), mine, at))).toEqual([11, 20, 33]);
    mine.close();
  });

  it("gives up a prepared push, and pages that were cut off come back as absent", () => {
    fill(store(), remote(1, 3), { 3: 30 });
    commit(store(), 1, {});
    store().preparePush(commitId(1));
    store().resetToRemote(remote(2, 3), pageSetOf([index(2)]));
    expect(store().state().push).toBeUndefined();
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", "absent", "absent"]);
  });

  it("is empty after a reset without a remote", () => {
    commit(store(), 2, { 2: 2 });
    store().resetToRemote(undefined, new MutablePageSet());
    expect(store().state()).toMatchObject({ version: 2, pageCount: 0, remote: undefined });
    commit(store(), 2, {});
    expect(readLatest(store(), 2)).toBe("zeros");
  });
}
