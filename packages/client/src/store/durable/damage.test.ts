import {
  isGraftError,
  MutablePageSet,
  type PageIndex,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  toVolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { stagePages } from "../../testing/stage-pages.ts";
import { HistoryRunner } from "../../testing/store-model/history-runner.ts";
import { randomStep } from "../../testing/store-model/random-steps.ts";
import { bytesOf } from "../../testing/store-model/remote-model.ts";
import type { LocalStore } from "../local-store.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const otherVolumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(14), 1));
const directory = "/store";
const PAGE_SIZE = 512;

let disk: SimulatedDisk;
beforeEach(() => {
  disk = new SimulatedDisk({ random: new SeededRandom(1) });
});

describe("damage", () => {
  it.each(["flip", "truncate"] as const)("(%s) anywhere is named or harmless", (kind) => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 250; seed++) {
      const random = new SeededRandom(seed);
      disk = new SimulatedDisk({ random: random.fork() });
      const runner = new HistoryRunner({
        open: () => open({ logSizeMin: random.pick([100, 1e5]) }),
      });
      for (let count = 0; count < 40; count++) runner.step(randomStep(random));
      runner.store.close();
      const path = `${directory}/${random.pick(disk.list(directory) ?? [])}`;
      damage(kind, path, random);
      seen.add(`${path.replace(/-.*/, "")}: ${outcomeOf(runner)}`);
    }
    expect([...seen].sort()).toEqual([
      "/store/append.lock: opened",
      "/store/index: refused",
      "/store/log: refused",
      "/store/pages: opened",
      "/store/pages: refused a page",
      "/store/process: opened",
      "/store/synced: opened",
    ]);
  });

  it("in a cached page drops it, and it is fetched again", () => {
    let store = openWithPages();
    store.close();
    disk.corrupt(`${directory}/pages`, 100);
    for (const content of [7, undefined]) {
      store = open();
      const pin = store.pin();
      expect(readOne(store, 1)).toBe(content === undefined ? 7 : "absent");
      expect(readOne(store, 2)).toBe(2);
      if (content !== undefined) store.putFetched(pin, index(1), page(content));
      pin.close();
      store.close();
    }
  });

  it("in an unpushed page is an error that names the file and the offset", () => {
    const store = open();
    store.commitLocal({ pageCount: toPageCount(1), pages: new Map([[index(1), page(1)]]) });
    disk.corrupt(`${directory}/log-00000001`, 300);
    expect(() => readOne(store, 1)).toThrow(
      expect.objectContaining({
        code: "corrupt",
        details: { path: "/store/log-00000001", offset: expect.any(Number) },
      }),
    );
    store.close();
    expect(() => open()).toThrow(/"\/store\/log-00000001" is damaged at offset 64/);
  });

  it.each(["index-00000001", "log-00000001"])("is noticed when %s is gone", (name) => {
    openWithPages().close();
    disk.remove(`${directory}/${name}`);
    expect(() => open()).toThrow(expect.objectContaining({ code: "corrupt" }));
    expect(() => open()).toThrow(`"/store/${name}" is damaged at offset 0: the file is missing`);
  });

  it("only empties the cache when the pages are gone", () => {
    openWithPages().close();
    disk.remove(`${directory}/pages`);
    const store = open();
    expect([readOne(store, 1), readOne(store, 2)]).toEqual(["absent", "absent"]);
    store.close();
  });
});

describe("a directory of another kind", () => {
  it("is refused when it belongs to another volume, naming both", () => {
    openWithPages().close();
    const before = contents();
    const refused = () => open({ volumeId: otherVolumeId });
    expect(refused).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(refused).toThrow(volumeId);
    expect(refused).toThrow(otherVolumeId);
    expect(contents()).toEqual(before);
  });

  it.each(["index-00000001", "log-00000001"])("is refused untouched when %s is newer", (name) => {
    openWithPages().close();
    disk.corrupt(`${directory}/${name}`, 5, 1, 0x03 ^ 0x04);
    const before = contents();
    expect(() => open()).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(() => open()).toThrow(/format version 4, this program knows up to 3/);
    expect(contents()).toEqual(before);
  });

  it("is refused when its pages have another size", () => {
    openWithPages().close();
    expect(() => open({ pageSize: toPageSize(1024) })).toThrow(/pages of 512 bytes, not 1024/);
    open({ pageSize: toPageSize(512) }).close();
  });
});

describe("a full disk", () => {
  it("fails the commit, loses nothing acknowledged, and lets the next one pass when there is room", () => {
    let store = openWithPages();
    disk.capacity = 0;
    const commit = (content: number): number =>
      store.commitLocal({ pageCount: toPageCount(2), pages: new Map([[index(2), page(content)]]) });
    let acknowledged = 2;
    // The log has room for some hundred commits ahead.
    expect(() => {
      for (; acknowledged < 2000; acknowledged++) commit(acknowledged + 1);
    }).toThrow(
      expect.objectContaining({ code: "io", details: expect.objectContaining({ reason: "full" }) }),
    );
    expect(acknowledged).toBeLessThan(2000);
    expect([readOne(store, 1), readOne(store, 2)]).toEqual([1, acknowledged % 256]);
    disk.crash();
    store = open();
    expect(store.state().pending).toHaveLength(acknowledged - 2);
    expect(readOne(store, 2)).toBe(acknowledged % 256);
    disk.capacity = Number.POSITIVE_INFINITY;
    expect(commit(4)).toBe(acknowledged);
    expect(readOne(store, 2)).toBe(4);
    store.close();
  });
});

describe("a read-only disk", () => {
  it("is refused as io", () => {
    openWithPages().close();
    disk.isReadOnly = true;
    expect(() => open()).toThrow(expect.objectContaining({ code: "io" }));
  });

  it("lets an open store read on, fails what would change it, and loses nothing", () => {
    const readOnly = expect.objectContaining({
      code: "io",
      details: expect.objectContaining({ reason: "read-only" }),
    });
    let store = openWithPages();
    const commit = (content: number): number =>
      store.commitLocal({ pageCount: toPageCount(2), pages: new Map([[index(2), page(content)]]) });
    commit(7);
    disk.isReadOnly = true;
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(() => commit(8)).toThrow(readOnly);
      expect(() => store.openStage().put(index(1), page(8))).toThrow(readOnly);
      expect([readOne(store, 1), readOne(store, 2)]).toEqual([1, 7]);
      expect(store.state().pending).toHaveLength(1);
    }
    disk.isReadOnly = false;
    commit(9);
    disk.crash(0);
    store = open();
    expect([readOne(store, 2), store.state().pending.length]).toEqual([9, 2]);
    store.close();
  });
});

describe("a flush that fails", () => {
  /** Commits 1, then 2 on a disk that flushes nothing any more. */
  function refuseSecond(seed: number): LocalStore {
    disk = new SimulatedDisk({ random: new SeededRandom(seed) });
    const store = open();
    commitOne(store, 1);
    disk.inject({ operation: "sync", times: Number.POSITIVE_INFINITY, reason: "other" });
    expect(() => commitOne(store, 2)).toThrow(expect.objectContaining({ code: "io" }));
    expect([readOne(store, 1), store.state().pending.length]).toEqual([1, 1]);
    disk.clearFaults();
    return store;
  }

  it("refuses the commit; a power loss right after it may bring the whole commit back", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      refuseSecond(seed);
      disk.crash();
      const store = open();
      seen.add(`${store.state().pending.length} pending, reads ${String(readOne(store, 1))}`);
      store.close();
    }
    expect([...seen].sort()).toEqual(["1 pending, reads 1", "2 pending, reads 2"]);
  });

  it("never brings it back once anything was acknowledged after it, or the store was closed", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const isClosed = seed % 2 === 0;
      const refused = refuseSecond(seed);
      if (isClosed) refused.close();
      else commitOne(refused, 3);
      disk.crash();
      const store = open();
      const seen = [readOne(store, 1), store.state().pending.length];
      expect(seen).toEqual(isClosed ? [1, 1] : [3, 2]);
      store.close();
    }
  });
});

describe("a cache with a limit", () => {
  it("evicts down to it when the last pin is closed, and survives a reopen", () => {
    const cacheSizeMax = 64 * PAGE_SIZE;
    let store = open({ cacheSizeMax });
    store.applyRemote(remote(1, 2000), new MutablePageSet());
    for (let at = 1; at <= 1000; at++) {
      const pin = store.pin();
      store.putFetched(pin, index(at), page(at % 250));
      pin.close();
      expect(store.usage().bytes).toBeLessThanOrEqual(cacheSizeMax);
    }
    expect(readOne(store, 1000)).toBe(0);
    store.close();
    expect(disk.stat(`${directory}/pages`)?.size).toBeLessThan(cacheSizeMax * 3);
    store = open({ cacheSizeMax });
    expect(store.usage().pages).toBeGreaterThan(30);
    expect([readOne(store, 999), readOne(store, 1)]).toEqual([999 % 250, "absent"]);
    store.close();
  });
});

describe("the page file", () => {
  it("becomes shorter after an eviction, without a page being lost", () => {
    let store = open();
    store.applyRemote(remote(1, 30_000), new MutablePageSet());
    const pin = store.pin();
    for (let at = 1; at <= 20_000; at++) store.putFetched(pin, index(at), page(at % 250));
    pin.close();
    // What was read last stays: pages all over the file.
    for (let at = 1; at <= 20_000; at += 10) readOne(store, at);
    store.evict(2000 * PAGE_SIZE);
    expect(store.usage().pages).toBe(2000);
    expect(disk.stat(`${directory}/pages`)?.size).toBeLessThan(5000 * PAGE_SIZE);
    for (let opened = 0; opened < 2; opened++) {
      let count = 0;
      for (let at = 1; at <= 20_000; at += 10) if (readOne(store, at) === at % 250) count++;
      expect(count).toBeGreaterThan(1900);
      expect(count).toBeLessThanOrEqual(2000);
      store.close();
      store = open();
    }
    store.close();
  });
});

describe("a slot that is used again", () => {
  it("never shows a page of a transaction that was rolled back, whatever a power loss spares", () => {
    for (const survival of [0, 0.5, 1]) {
      disk = new SimulatedDisk({ random: new SeededRandom(1) });
      let store = open({ fetchedCountMin: 1 });
      store.applyRemote(remote(1, 3), new MutablePageSet());
      const given = stagePages(store, [[1, page(66)]]);
      // A large commit beside it flushes the slots.
      const large = stagePages(store, [[2, page(2)]]);
      store.commitLocal({ pageCount: toPageCount(3), pages: new Map(), staged: large });
      given.clear();
      const rolledBack = stagePages(store, [[1, page(77)]]);
      store.commitLocal({ pageCount: toPageCount(3), pages: new Map([[index(3), page(3)]]) });
      rolledBack.clear();
      store.resetToRemote(remote(2, 3), new MutablePageSet());
      const pin = store.pin();
      store.putFetched(pin, index(1), page(11));
      pin.close();
      store.commitLocal({ pageCount: toPageCount(3), pages: new Map([[index(3), page(4)]]) });
      disk.crash(survival);
      store = open();
      expect(readOne(store, 1)).toBe(11);
      store.close();
    }
  });
});

function open(options: Partial<Parameters<typeof openLocalStore>[0]> = {}): LocalStore {
  return openLocalStore({ fileSystem: disk, directory, volumeId, ...options });
}

/** A store with two cached pages in slots. */
function openWithPages(): LocalStore {
  const store = open();
  store.applyRemote(remote(1, 2), new MutablePageSet());
  const pin = store.pin();
  store.putFetched(pin, index(1), page(1));
  store.putFetched(pin, index(2), page(2));
  pin.close();
  return store;
}

function commitOne(store: LocalStore, content: number): void {
  store.commitLocal({ pageCount: toPageCount(1), pages: new Map([[index(1), page(content)]]) });
}

function remote(lsn: number, pageCount: number) {
  return {
    lsn: toLsn(BigInt(lsn)),
    pageCount: toPageCount(pageCount),
    pageSize: toPageSize(PAGE_SIZE),
  };
}

function index(value: number): PageIndex {
  return toPageIndex(value);
}

function page(content: number): Uint8Array {
  return new Uint8Array(PAGE_SIZE).fill(content);
}

function readOne(store: LocalStore, at: number): number | "absent" | undefined {
  const target = new Uint8Array(PAGE_SIZE);
  const pin = store.pin();
  const kind = store.read(pin, index(at), target);
  pin.close();
  return kind === "absent" ? kind : target[0];
}

/** Every file of the store, bytes as text. */
function contents(): string[] {
  return (disk.list(directory) ?? []).map((name) => {
    const file = disk.open(`${directory}/${name}`, "read");
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    file.close();
    return `${name} ${bytes}`;
  });
}

function damage(kind: "flip" | "truncate", path: string, random: SeededRandom): void {
  const size = disk.stat(path)?.size ?? 0;
  if (size === 0) return;
  if (kind === "flip") {
    disk.corrupt(path, random.integer(0, size - 1), 1, 1 << random.integer(0, 7));
    return;
  }
  const file = disk.open(path, "read-write");
  file.truncate(random.integer(0, size - 1));
  file.sync();
  file.close();
}

/** Opens a damaged store. What it says must be true, and what it does not say must be an error. */
function outcomeOf(runner: HistoryRunner): "refused" | "opened" | "refused a page" {
  let store: LocalStore;
  try {
    store = open();
  } catch (error) {
    if (!isGraftError(error, "corrupt") && !isGraftError(error, "invalid-argument")) throw error;
    expect(error.details).toMatchObject({ path: expect.stringContaining("/store/") });
    return "refused";
  }
  runner.store = store;
  runner.checkState();
  let outcome: "opened" | "refused a page" = "opened";
  const { model } = runner;
  const local = model.pin().local;
  const pin = store.pin();
  const target = new Uint8Array(PAGE_SIZE);
  for (let at = 1; at <= model.pageCount; at++) {
    try {
      const kind = store.read(pin, index(at), target);
      if (kind === "absent") expect(local.has(at)).toBe(false);
      else expect(target).toEqual(bytesOf(model.contentOf(model.version, at), PAGE_SIZE));
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      expect(local.has(at)).toBe(true);
      outcome = "refused a page";
    }
  }
  pin.close();
  store.close();
  return outcome;
}
