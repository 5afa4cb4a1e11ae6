import { toPageCount, toPageIndex, toPageSize, toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { expect, it } from "vitest";
import type { LocalStore } from "../local-store.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const directory = "/store";
const pageSize = toPageSize(512);

function commit(store: LocalStore, tag: number): void {
  const turn = store.lockWrites();
  const pages = new Map([[toPageIndex(1), new Uint8Array(pageSize).fill(tag)]]);
  store.commitLocal({ pageCount: toPageCount(1), pages });
  turn?.close();
}

function readTag(store: LocalStore): number | undefined {
  const pin = store.pin();
  const target = new Uint8Array(pageSize);
  expect(store.read(pin, toPageIndex(1), target)).toBe("page");
  pin.close();
  return target[0];
}

it("a mark that names a log that is gone keeps nobody out: its writer died behind the next one", () => {
  const disk = new SimulatedDisk();
  const options = { directory, volumeId, pageSize };
  const [reader, writer] = [0, 1].map(() =>
    openLocalStore({ ...options, fileSystem: disk.openProcess() }),
  );
  const victim = disk.openProcess();
  const dying = openLocalStore({ ...options, fileSystem: victim, logSizeMin: 1 });
  commit(dying, 1);
  const mark = new Uint8Array(disk.stat(`${directory}/synced`)?.size ?? 0);
  const file = disk.open(`${directory}/synced`, "read-write");
  file.read(mark, 0);
  const logs = (): readonly string[] =>
    (disk.list(directory) ?? []).filter((name) => name.startsWith("log-"));
  const before = logs();
  commit(dying, 2);
  expect(logs(), "another log was begun").not.toEqual(before);
  victim.kill();
  file.write(mark, 0);
  if (reader === undefined || writer === undefined) throw new Error("they are open");
  expect(readTag(reader)).toBe(2);
  file.write(mark, 0);
  commit(writer, 3);
  expect([readTag(writer), readTag(reader)]).toEqual([3, 3]);
});
