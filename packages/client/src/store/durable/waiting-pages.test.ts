import {
  MutablePageSet,
  pageRange,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  toVolumeId,
} from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { expect, it } from "vitest";
import type { LocalStore, Pin } from "../local-store.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const pageSize = toPageSize(512);
const pageCount = toPageCount(9);

it("a page that waits for a slot is given up when another process has evicted it", () => {
  const disk = new SimulatedDisk();
  const options = { directory: "/store", volumeId, pageSize };
  const mine = openLocalStore({ ...options, fileSystem: disk.openProcess() });
  // What it fetches it tells by the index of the next generation only, and each change begins one.
  const untold = { logSizeMin: 1, fetchedCountMin: 1000 };
  const theirs = openLocalStore({ ...options, ...untold, fileSystem: disk.openProcess() });
  const fetchWhileBusy = (pin: Pin, at: number): void => {
    const busy = disk.openProcess().openLock("/store/append.lock");
    expect(busy.tryLock()).toBe(true);
    mine.putFetched(pin, toPageIndex(at), page(at));
    busy.close();
  };

  pull(theirs, 1n, []);
  const before = mine.pin();
  fetchWhileBusy(before, 2);
  const other = theirs.pin();
  theirs.putFetched(other, toPageIndex(2), page(2));
  other.close();
  pull(theirs, 2n, []);
  theirs.evict(0);
  mine.refresh();
  const since = mine.pin();
  expect(readAt(mine, since, 2), "kept for the pin before").toBe(2);
  pull(theirs, 3n, [2]);
  mine.refresh();
  before.close();
  expect(readAt(mine, since, 2)).toBe("absent");
  since.close();

  const pin = mine.pin();
  fetchWhileBusy(pin, 2);
  for (const at of pageRange(1, 9)) mine.putFetched(pin, toPageIndex(at), page(at));
  for (const at of pageRange(1, 9)) expect(readAt(mine, pin, at)).toBe(at);
  for (const each of [pin, mine, theirs]) each.close();
});

function pull(store: LocalStore, lsn: bigint, changed: readonly number[]): void {
  store.applyRemote({ lsn: toLsn(lsn), pageCount, pageSize }, MutablePageSet.from(changed));
}

function page(content: number): Uint8Array {
  return new Uint8Array(pageSize).fill(content);
}

function readAt(store: LocalStore, pin: Pin, at: number): number | "absent" | undefined {
  const target = new Uint8Array(pageSize);
  const kind = store.read(pin, toPageIndex(at), target);
  return kind === "absent" ? kind : target[0];
}
