import { type PageIndex, toPageCount, toPageIndex, toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { expect, it } from "vitest";
import type { LocalStore, StagedPage } from "../local-store.ts";
import { openLocalStore } from "./open-local-store.ts";

const PAGE_SIZE = 512;
const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

it("what was read ahead is forgotten when another process has committed", () => {
  const disk = new SimulatedDisk();
  const [reader, writer] = [openStore(disk), openStore(disk)];
  const first = stageAll(writer, [1, 2, 3], 1);
  writer.commitLocal({ pageCount: toPageCount(4), pages: first });
  const rolledBack = stageAll(writer, [4], 66);
  reader.refresh();
  // A scan: the slot of page 4 is read ahead, with the page of a transaction that is given up.
  expect([1, 2, 3].map((at) => readOne(reader, at))).toEqual([1, 1, 1]);
  // Slots are given out in a round: other transactions that are given up use the others.
  const others = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
  writer.dropStaged([...stageAll(writer, others, 7).values()]);
  writer.dropStaged([...rolledBack.values()]);
  const second = stageAll(writer, [4], 44);
  writer.commitLocal({ pageCount: toPageCount(4), pages: second });
  reader.refresh();
  expect([1, 2, 3, 4].map((at) => readOne(reader, at))).toEqual([1, 1, 1, 44]);
  reader.close();
  writer.close();
});

function openStore(disk: SimulatedDisk): LocalStore {
  const fileSystem = disk.openProcess();
  return openLocalStore({ fileSystem, directory: "/store", volumeId, memoryCacheSize: 0 });
}

function stageAll(store: LocalStore, pages: readonly number[], content: number) {
  const staged = new Map<PageIndex, StagedPage>();
  for (const page of pages) {
    const data = new Uint8Array(PAGE_SIZE).fill(content);
    staged.set(toPageIndex(page), store.stage(toPageIndex(page), data));
  }
  return staged;
}

function readOne(store: LocalStore, page: number): number | undefined {
  const target = new Uint8Array(PAGE_SIZE);
  const pin = store.pin();
  expect(store.read(pin, toPageIndex(page), target)).toBe("page");
  pin.close();
  return target[0];
}
