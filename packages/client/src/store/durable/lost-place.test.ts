/** A process in which the applying of a record fails that others already have. */
import { toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { afterEach, expect, test, vi } from "vitest";
import { commit, readLatest } from "../../testing/contract/store-actions.ts";
import { Replica } from "../replica.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

afterEach(() => void vi.restoreAllMocks());

test("writes no version twice: the store opens again, with the commit that was made", () => {
  const fileSystem = new SimulatedDisk();
  const open = () => openLocalStore({ fileSystem, directory: "/store", volumeId });
  const store = open();
  commit(store, 1, { 1: 10 });
  vi.spyOn(Replica.prototype, "commit").mockImplementationOnce(() => {
    throw new RangeError("no memory for a table");
  });
  expect(() => commit(store, 1, { 1: 11 })).toThrow("no memory");
  expect(() => commit(store, 1, { 1: 12 })).toThrow("lost its place");
  store.close();
  const reopened = open();
  expect(reopened.state().version).toBe(2);
  expect(readLatest(reopened, 1)).toBe(11);
  commit(reopened, 1, { 1: 13 });
  reopened.close();
});
