import {
  createCommitId,
  MutablePageSet,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  toVolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { stagePages } from "../../testing/stage-pages.ts";
import type { LocalStore } from "../local-store.ts";
import {
  type LocalStoreOptions,
  openLocalStore,
  openSharedLocalStore,
} from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const directory = "/store";
const PAGE_SIZE = 512;

let disk: SimulatedDisk;
let clock: SimulatedClock;
beforeEach(() => {
  disk = new SimulatedDisk();
  clock = new SimulatedClock();
});

describe("a process that is alone", () => {
  it("reads and pins without a look at the disk, and looks again after 20 ms", async () => {
    const store = open({ clock });
    commit(store, 1, 1);
    store.pin().close();
    const before = disk.count("read");
    for (let count = 0; count < 100; count++) store.pin().close();
    expect(disk.count("read")).toBe(before);
    await clock.advance(20);
    store.pin().close();
    expect(disk.count("read")).toBe(before + 1);
    store.close();
  });

  it("keeps its turn to write while it is at work, and gives it back soon after", async () => {
    const store = open({ clock });
    store.pin().close();
    store.lockWrites()?.close();
    const other = disk.openProcess().openLock(`${directory}/write.lock`);
    expect(other.tryLock()).toBe(false);
    await clock.advance(200);
    expect(other.tryLock()).toBe(true);
    expect(store.lockWrites()).toBeUndefined();
    other.close();
    const turn = store.lockWrites();
    expect(turn).toBeDefined();
    turn?.close();
    store.close();
  });
});

describe("a process that finds another", () => {
  it("begins when the other one's next pin is certain to look, and gets its turns at once", async () => {
    const first = open({ clock });
    commit(first, 1, 1);
    first.pin().close();
    first.lockWrites()?.close();
    const opening = openSharedLocalStore({ ...options(disk.openProcess()), clock });
    await clock.advance(25);
    const second = await opening;
    commit(second, 1, 2);
    expect(readLatest(first, 1)).toBe(2);
    expect(second.lockWrites()).toBeDefined();
    expect(first.lockWrites()).toBeUndefined();
    second.close();
    expect(first.lockWrites()).toBeDefined();
    first.close();
  });

  it("sees each commit at its next pin, and keeps its snapshot in between", () => {
    const [mine, theirs] = [open(), open({ fileSystem: disk.openProcess() })];
    commit(theirs, 1, 1);
    const pin = mine.pin();
    commit(theirs, 1, 2);
    expect(readAt(mine, pin, 1)).toBe(1);
    expect(mine.state().version).toBe(1);
    expect(mine.refresh()).toBe(true);
    expect([readAt(mine, pin, 1), readLatest(mine, 1), mine.refresh()]).toEqual([1, 2, false]);
    pin.close();
    mine.close();
    theirs.close();
  });

  it("still reads at an old pin what the other one pushed and evicted meanwhile", () => {
    const [mine, theirs] = [open(), open({ fileSystem: disk.openProcess() })];
    commit(theirs, 1, 7);
    const pin = mine.pin();
    theirs.preparePush(createCommitId(new SeededRandom(1)));
    const pageSize = toPageSize(PAGE_SIZE);
    theirs.completePush({ lsn: toLsn(1n), pageCount: toPageCount(1), pageSize });
    theirs.evict(0);
    expect([readLatest(theirs, 1), mine.refresh()]).toEqual(["absent", true]);
    expect(readAt(mine, pin, 1)).toBe(7);
    pin.close();
    expect(readLatest(mine, 1)).toBe("absent");
    mine.close();
    theirs.close();
  });

  it("finds absent, and not zeros, what the other one evicted when older pins kept it here", () => {
    const [mine, theirs] = [open(), open({ fileSystem: disk.openProcess() })];
    commit(theirs, 1, 1);
    const before = mine.pin();
    theirs.commitLocal({ pageCount: toPageCount(2), pages: new Map([[toPageIndex(2), page(2)]]) });
    theirs.preparePush(createCommitId(new SeededRandom(1)));
    const remote = { pageCount: toPageCount(2), pageSize: toPageSize(PAGE_SIZE) };
    theirs.completePush({ ...remote, lsn: toLsn(1n) });
    theirs.evict(0);
    mine.refresh();
    const pin = mine.pin();
    expect(readAt(mine, pin, 2), "kept for the pin before").toBe(2);
    theirs.applyRemote({ ...remote, lsn: toLsn(2n) }, new MutablePageSet());
    mine.refresh();
    const older = mine.pin();
    before.close();
    expect([readAt(mine, pin, 2), readAt(mine, older, 2)]).toEqual(["absent", "absent"]);
    mine.putFetched(pin, toPageIndex(2), page(2));
    expect([readAt(mine, pin, 2), readAt(mine, older, 2)]).toEqual([2, 2]);
    for (const one of [pin, older, mine, theirs]) one.close();
  });

  it("may read while the other one holds the log, and keeps what it fetches then", () => {
    const [mine, theirs] = [open(), open({ fileSystem: disk.openProcess() })];
    fill(theirs, 50, 0);
    const busy = disk.openProcess().openLock(`${directory}/append.lock`);
    const pin = mine.pin();
    expect(busy.tryLock()).toBe(true);
    for (let at = 1; at <= 40; at++) mine.putFetched(pin, toPageIndex(at), page(at));
    for (let at = 1; at <= 40; at++) expect(readAt(mine, pin, at)).toBe(at);
    busy.close();
    for (let at = 41; at <= 50; at++) mine.putFetched(pin, toPageIndex(at), page(at));
    for (let at = 1; at <= 50; at++) expect(readAt(mine, pin, at)).toBe(at);
    pin.close();
    mine.close();
    expect(readLatest(theirs, 40)).toBe(40);
    theirs.close();
  });
});

describe("a process that dies right after it renamed a new index", () => {
  /** Its last commit fills the log; the second flush of names is the one after the rename. */
  function dieInSwitch(): void {
    const victim = disk.openProcess();
    const store = open({ fileSystem: victim, logSizeMin: 1 });
    disk.inject({ operation: "sync-directory", nth: 2, reason: "death" });
    try {
      commit(store, 1, 1);
    } catch {
      // What the dead say is nobody's.
    }
    expect(victim.isAlive).toBe(false);
    expect(disk.list(directory)).toContain("index-00000002");
    disk.clearFaults();
  }

  it("leaves a generation that others enter, and none of them goes on in the one before", () => {
    const witness = open();
    dieInSwitch();
    commit(witness, 1, 2);
    const late = open({ fileSystem: disk.openProcess() });
    expect([readLatest(late, 1), readLatest(witness, 1)]).toEqual([2, 2]);
    late.close();
    witness.close();
  });

  it.each([0, 0.5, 1])("loses nothing that others commit then to a power cut (%d)", (survival) => {
    open().close();
    dieInSwitch();
    let store = open();
    commit(store, 1, 2);
    disk.crash(survival);
    store = open();
    expect(readLatest(store, 1)).toBe(2);
    store.close();
  });
});

describe("slots", () => {
  it("are used again by any process, as long as nobody reads from before: the file stays small", () => {
    const stores = [1, 2, 3].map(() => open({ fileSystem: disk.openProcess() }));
    const [first] = stores;
    if (first === undefined) throw new Error("there are stores");
    fill(first, 40, 0);
    const churn = (rounds: number): number => {
      for (let round = 0; round < rounds; round++) {
        const store = stores[round % stores.length] ?? first;
        const pin = store.pin();
        for (let at = 1; at <= 40; at++) {
          if (readAt(store, pin, at) === "absent") {
            store.putFetched(pin, toPageIndex(at), page(at));
          }
        }
        pin.close();
        store.evict(0);
      }
      return (disk.stat(`${directory}/pages`)?.size ?? 0) / (PAGE_SIZE + 32);
    };
    expect(churn(60)).toBeLessThan(400);
    // A transaction that stays open keeps them from the others, and no longer than it lasts.
    const held = first.pin();
    stores.shift();
    const grown = churn(30);
    expect(grown).toBeGreaterThan(700);
    held.close();
    expect(churn(60)).toBeLessThan(grown + 100);
    for (const store of [first, ...stores]) store.close();
  });

  it("that a living process reserved are left to it, whatever others need meanwhile", () => {
    // Generations come and go, and carry the reservation on.
    const mine = open();
    let theirs = open({ fileSystem: disk.openProcess(), logSizeMin: 2000 });
    fill(theirs, 100, 0);
    mine.pin().close();
    const staged = stagePages(
      mine,
      [1, 2, 3].map((at) => [at, page(90 + at)]),
    );
    for (let round = 0; round < 10; round++) {
      const pin = theirs.pin();
      for (let at = 1; at <= 100; at++) theirs.putFetched(pin, toPageIndex(at), page(at));
      pin.close();
      theirs.evict(0);
      theirs.close();
      theirs = open({ fileSystem: disk.openProcess(), logSizeMin: 2000 });
    }
    mine.commitLocal({ pageCount: toPageCount(100), pages: new Map(), staged });
    expect([1, 2, 3].map((at) => readLatest(theirs, at))).toEqual([91, 92, 93]);
    mine.close();
    theirs.close();
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "that pages of the log were moved to are left to them (seed %i)",
    (seed) => {
      // Two processes begin generations in turn, and look for free slots in between.
      const random = new SeededRandom(seed);
      const stores = [disk, disk.openProcess()].map((fileSystem) =>
        open({ fileSystem, logSizeMin: 3000 }),
      );
      fill(random.pick(stores), 200, 0);
      const written = new Map<number, number>();
      for (let step = 0; step < 300; step++) {
        const store = random.pick(stores);
        if (random.chance(0.5)) {
          const count = random.integer(1, 6);
          const pages = new Map(
            Array.from({ length: count }, () => {
              const at = random.integer(1, 30);
              written.set(at, step % 251);
              return [toPageIndex(at), page(step % 251)];
            }),
          );
          store.commitLocal({ pageCount: toPageCount(200), pages });
        } else {
          const pin = store.pin();
          const first = random.integer(31, 160);
          for (let at = first; at < first + 40; at++) {
            store.putFetched(pin, toPageIndex(at), page(at));
          }
          pin.close();
          if (random.chance(0.5)) store.evict(0);
        }
        const reader = random.pick(stores);
        const found = [...written.keys()].map((at) => [at, readLatest(reader, at)]);
        expect(found).toEqual([...written]);
      }
      for (const store of stores) store.close();
    },
  );

  it("are not used again before what freed them is durable, in a store that flushes late", () => {
    let store = open({ durability: "relaxed" });
    const write = (content: number): void => {
      const pages = Array.from({ length: 40 }, (_, at) => [at + 1, page(content)] as const);
      const staged = stagePages(store, pages);
      store.commitLocal({ pageCount: toPageCount(40), pages: new Map(), staged });
    };
    write(1);
    store.close();
    store = open({ durability: "relaxed" });
    for (const content of [2, 3, 4]) write(content);
    disk.crash(0);
    store = open();
    const contents = Array.from({ length: 40 }, (_, at) => readLatest(store, at + 1));
    expect(new Set(contents).size).toBe(1);
    store.close();
  });

  it("that a dead process reserved are used by others", () => {
    const survivor = open();
    fill(survivor, 200, 0);
    let size = 0;
    for (let round = 0; round < 30; round++) {
      const process = disk.openProcess();
      const store = open({ fileSystem: process });
      const stage = store.openStage();
      for (let at = 1; at <= 60; at++) stage.put(toPageIndex(at), page(at));
      survivor.pin().close();
      process.kill();
      size = (disk.stat(`${directory}/pages`)?.size ?? 0) / (PAGE_SIZE + 32);
    }
    expect(size).toBeLessThan(400);
    survivor.close();
  });
});

function options(fileSystem: LocalStoreOptions["fileSystem"]): LocalStoreOptions {
  return { fileSystem, directory, volumeId, fetchedCountMin: 4, memoryCacheSize: 0 };
}

function open(more: Partial<LocalStoreOptions> = {}): LocalStore {
  return openLocalStore({ ...options(disk), ...more });
}

function page(content: number): Uint8Array {
  return new Uint8Array(PAGE_SIZE).fill(content);
}

function commit(store: LocalStore, at: number, content: number): void {
  const pages = new Map([[toPageIndex(at), page(content)]]);
  store.commitLocal({ pageCount: toPageCount(at), pages });
}

/** A remote snapshot of so many pages, none of them here. */
function fill(store: LocalStore, pageCount: number, lsn: number): void {
  store.applyRemote(
    {
      lsn: toLsn(BigInt(lsn + 1)),
      pageCount: toPageCount(pageCount),
      pageSize: toPageSize(PAGE_SIZE),
    },
    new MutablePageSet(),
  );
}

function readAt(
  store: LocalStore,
  pin: ReturnType<LocalStore["pin"]>,
  at: number,
): number | "absent" | undefined {
  const target = new Uint8Array(PAGE_SIZE);
  const kind = store.read(pin, toPageIndex(at), target);
  return kind === "absent" ? kind : target[0];
}

function readLatest(store: LocalStore, at: number): number | "absent" | undefined {
  const pin = store.pin();
  const content = readAt(store, pin, at);
  pin.close();
  return content;
}
