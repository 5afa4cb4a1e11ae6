import { toPageCount, toPageIndex, toPageSize, toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { expect, it } from "vitest";
import type { LocalStore } from "../local-store.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const directory = "/store";
const pageSize = toPageSize(512);

function commit(store: LocalStore, tag: number): void {
  const pages = new Map([[toPageIndex(1), new Uint8Array(pageSize).fill(tag)]]);
  store.commitLocal({ pageCount: toPageCount(1), pages });
}

function readTag(store: LocalStore): number | undefined {
  const pin = store.pin();
  const target = new Uint8Array(pageSize);
  expect(store.read(pin, toPageIndex(1), target)).toBe("page");
  pin.close();
  return target[0];
}

it("a refused commit stays refused, though its record is there and the mark is torn", () => {
  const disk = new SimulatedDisk();
  const options = { directory, volumeId, pageSize, fileSystem: disk };
  const store = openLocalStore(options);
  commit(store, 1);
  // The flush of the record fails, and so does everything that would take it back.
  disk.inject({ operation: "sync", path: /log-/, reason: "other" });
  disk.inject({ operation: "remove", times: Number.POSITIVE_INFINITY, reason: "other" });
  disk.inject({ operation: "write", path: /synced/, times: 2, reason: "other" });
  expect(() => commit(store, 2)).toThrow(/cannot sync/);
  disk.corrupt(`${directory}/synced`, 60);
  expect(readTag(store)).toBe(1);
  expect(() => commit(store, 3)).toThrow(/cannot remove/);
  disk.corrupt(`${directory}/synced`, 60);
  expect(readTag(store)).toBe(1);
  disk.clearFaults();
  commit(store, 4);
  expect([store.state().version, readTag(store)]).toEqual([2, 4]);
  store.close();
  const again = openLocalStore(options);
  expect([again.state().version, readTag(again)]).toEqual([2, 4]);
  again.close();
});

it("a pin is closed without an error, though the pages that are too many cannot be dropped", () => {
  const disk = new SimulatedDisk();
  const options = { directory, volumeId, pageSize, fileSystem: disk, cacheSizeMax: 1 };
  const store = openLocalStore(options);
  commit(store, 1);
  const pin = store.pin();
  disk.inject({ operation: "read", times: Number.POSITIVE_INFINITY, reason: "other" });
  expect(() => pin.close()).not.toThrow();
  disk.clearFaults();
  expect(readTag(store)).toBe(1);
  store.close();
});
