import { toPageCount, toPageIndex, toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { expect, it } from "vitest";
import { stagePages } from "../../testing/stage-pages.ts";
import type { LocalStore } from "../local-store.ts";
import type { PageStage } from "../page-stage.ts";
import { openLocalStore } from "./open-local-store.ts";

const PAGE_SIZE = 512;
const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

it("what was read ahead is forgotten when another process has committed", () => {
  const disk = new SimulatedDisk();
  const [reader, writer] = [openStore(disk), openStore(disk)];
  const first = stageAll(writer, [1, 2, 3], 1);
  writer.commitLocal({ pageCount: toPageCount(4), pages: new Map(), staged: first });
  const rolledBack = stageAll(writer, [4], 66);
  reader.refresh();
  // A scan: the slot of page 4 is read ahead, with the page of a transaction that is given up.
  expect([1, 2, 3].map((at) => readOne(reader, at))).toEqual([1, 1, 1]);
  // Slots are given out in a round: other transactions that are given up use the others.
  const others = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
  stageAll(writer, others, 7).clear();
  rolledBack.clear();
  const second = stageAll(writer, [4], 44);
  writer.commitLocal({ pageCount: toPageCount(4), pages: new Map(), staged: second });
  reader.refresh();
  expect([1, 2, 3, 4].map((at) => readOne(reader, at))).toEqual([1, 1, 1, 44]);
  reader.close();
  writer.close();
});

function openStore(disk: SimulatedDisk): LocalStore {
  const fileSystem = disk.openProcess();
  return openLocalStore({ fileSystem, directory: "/store", volumeId, memoryCacheSize: 0 });
}

function stageAll(store: LocalStore, pages: readonly number[], content: number): PageStage {
  const data = new Uint8Array(PAGE_SIZE).fill(content);
  return stagePages(
    store,
    pages.map((page) => [page, data]),
  );
}

function readOne(store: LocalStore, page: number): number | undefined {
  const target = new Uint8Array(PAGE_SIZE);
  const pin = store.pin();
  expect(store.read(pin, toPageIndex(page), target)).toBe("page");
  pin.close();
  return target[0];
}
