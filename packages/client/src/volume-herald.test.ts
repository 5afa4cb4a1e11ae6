import { GraftError, PAGE_COUNT_ZERO } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { expect, it } from "vitest";
import type { LocalState } from "./store/local-store.ts";
import type { SyncState } from "./sync/sync-state.ts";
import type { VolumeStatus } from "./volume.ts";
import { VolumeHerald } from "./volume-herald.ts";

const EMPTY: LocalState = {
  version: 0,
  pageCount: PAGE_COUNT_ZERO,
  remote: undefined,
  pending: [],
  push: undefined,
  isDiverged: false,
};

it("a disk that does not say how things are fails nobody who only tells", () => {
  const failure = new GraftError("io", "cannot list");
  let isFailing = false;
  const look = <T>(value: T): T => {
    if (isFailing) throw failure;
    return value;
  };
  const status = { local: { pending: 1 } } as VolumeStatus;
  const herald = new VolumeHerald({
    clock: new SimulatedClock(),
    syncState: () => look<SyncState>("pending"),
    localState: () => EMPTY,
    status: () => look(status),
  });
  const [told, errors]: [VolumeStatus[], GraftError[]] = [[], []];
  herald.on("status", (one) => told.push(one));
  herald.on("error", (one) => errors.push(one));
  isFailing = true;
  herald.tell();
  herald.tellMove();
  herald.tellStatus();
  expect(told).toEqual([]);
  expect(errors.length).toBeGreaterThan(0);
  expect(new Set(errors)).toEqual(new Set([failure]));
  expect(herald.lastError?.error).toBe(failure);
  isFailing = false;
  herald.tell();
  expect(told).toEqual([status]);
});
