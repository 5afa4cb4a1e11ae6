import {
  createCommitId,
  MutablePageSet,
  type PageIndex,
  pageRange,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  toVolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import type { LocalStore } from "../local-store.ts";
import { type LocalStoreOptions, openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const pageSize = toPageSize(512);
const options = { directory: "/store", volumeId, pageSize };

let disk: SimulatedDisk;
beforeEach(() => {
  disk = new SimulatedDisk();
});

describe("on a disk that fails for a moment", () => {
  it("what one process evicted and could not record is fetched again by the others", () => {
    const [mine, theirs] = [open(), open({ logSizeMin: 8_000 })];
    commit(theirs, 4, 1);
    theirs.preparePush(createCommitId(new SeededRandom(1)));
    const remote = { lsn: toLsn(1n), pageCount: toPageCount(4), pageSize };
    theirs.completePush(remote);
    mine.refresh();
    const before = mine.pin();
    disk.inject({ operation: "write", path: /log-/, reason: "other" });
    theirs.evict(0);
    expect(readTags(theirs)).toEqual(["absent", "absent", "absent", "absent"]);
    // The log that held the pages ends, without a word of them.
    for (let lsn = 2n; logs().length === 1 && logs()[0] === "log-00000001"; lsn++) {
      theirs.applyRemote({ ...remote, lsn: toLsn(lsn) }, new MutablePageSet());
    }
    mine.refresh();
    expect(tagsAt(mine, before), "an open pin keeps what it sees").toEqual([1, 1, 1, 1]);
    before.close();
    expect(readTags(mine)).toEqual(["absent", "absent", "absent", "absent"]);
    const pin = mine.pin();
    for (const index of pageRange(1, 4)) mine.putFetched(pin, toPageIndex(index), page(1));
    pin.close();
    expect(readTags(mine)).toEqual([1, 1, 1, 1]);
    mine.close();
    theirs.close();
  });

  it("a commit that the others could not be told of is seen once its process reads again", () => {
    const [mine, theirs] = [open(), open()];
    commit(theirs, 1, 1);
    disk.inject({ operation: "write", path: /synced/, reason: "other" });
    commit(theirs, 1, 2);
    expect([readTags(mine), readTags(theirs), readTags(mine)]).toEqual([[1], [2], [2]]);
    mine.close();
    theirs.close();
  });

  it("a process that cannot tell the others of itself does not begin", () => {
    const mine = open();
    disk.inject({ operation: "write", path: /synced/, reason: "other" });
    const cannot = expect.objectContaining({
      code: "io",
      message: expect.stringMatching(/"\/store": other processes .* see to the disk, then open/),
    });
    expect(() => open()).toThrow(cannot);
    const theirs = open();
    commit(mine, 1, 1);
    expect(readTags(theirs)).toEqual([1]);
    mine.close();
    theirs.close();
  });
});

/** In a process of its own. */
function open(more: Partial<LocalStoreOptions> = {}): LocalStore {
  return openLocalStore({ ...options, fileSystem: disk.openProcess(), ...more });
}

function logs(): readonly string[] {
  return (disk.list(options.directory) ?? []).filter((name) => name.startsWith("log-"));
}

function page(tag: number): Uint8Array {
  return new Uint8Array(pageSize).fill(tag);
}

function commit(store: LocalStore, pageCount: number, tag: number): void {
  const pages = new Map<PageIndex, Uint8Array>();
  for (let at = 1; at <= pageCount; at++) pages.set(toPageIndex(at), page(tag));
  store.commitLocal({ pageCount: toPageCount(pageCount), pages });
}

function readTags(store: LocalStore): readonly (number | "absent" | undefined)[] {
  const pin = store.pin();
  try {
    return tagsAt(store, pin);
  } finally {
    pin.close();
  }
}

function tagsAt(
  store: LocalStore,
  pin: ReturnType<LocalStore["pin"]>,
): readonly (number | "absent" | undefined)[] {
  const target = new Uint8Array(pageSize);
  return [...pageRange(1, pin.pageCount)].map((index) =>
    store.read(pin, toPageIndex(index), target) === "absent" ? "absent" : target[0],
  );
}
