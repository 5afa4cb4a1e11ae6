import {
  createCommitId,
  GraftError,
  MutablePageSet,
  type PageIndex,
  type PageSet,
  pageRange,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LocalStore, NewLocalCommit, Pin, RemotePoint } from "../store/local-store.ts";

/** A store to test, empty at first. */
export interface LocalStoreFixture {
  readonly open: () => LocalStore;
  /** Whether `open` after `close` gives the same store. */
  readonly isDurable: boolean;
  readonly remove?: () => void;
}

const PAGE_SIZE = toPageSize(512);

/**
 * What `LocalStore` promises, as a suite. Each implementation runs it in one line.
 *
 * @param create called before each test
 */
export function localStoreContract(name: string, create: () => LocalStoreFixture): void {
  describe(`${name} keeps the local store's promises`, () => {
    let fixture: LocalStoreFixture;
    let store: LocalStore;
    beforeEach(() => {
      fixture = create();
      store = fixture.open();
    });
    afterEach(() => {
      store.close();
      fixture.remove?.();
    });
    const get = (): LocalStore => store;
    commits(get);
    remotePages(get);
    pulls(get);
    pushes(get);
    truncations(get);
    resets(get);
    evictions(get);
    refusals(get);
    reopening(() => fixture, {
      get,
      reopen: () => {
        store.close();
        store = fixture.open();
      },
    });
  });
}

type GetStore = () => LocalStore;

function commits(store: GetStore): void {
  it("is at version 0 without pages when it is new", () => {
    expect(store().state()).toMatchObject({ version: 0, pageCount: 0, isDiverged: false });
    expect(store().state().pending).toEqual([]);
    expect(readLatest(store(), 1)).toBe("zeros");
  });

  it("makes the next version with every commit, and shows its pages to new pins only", () => {
    expect(commit(store(), 2, { 1: 10, 2: 20 })).toBe(1);
    const old = store().pin();
    expect(commit(store(), 2, { 1: 11 })).toBe(2);
    expect([read(store(), old, 1), read(store(), old, 2)]).toEqual([10, 20]);
    expect([readLatest(store(), 1), readLatest(store(), 2)]).toEqual([11, 20]);
    old.close();
  });

  it("lists pending commits, oldest first, with their pages and words", () => {
    commit(store(), 3, { 3: 1, 1: 1 });
    store().commitLocal({ ...pagesOf(3, { 2: 2 }), message: "two", appTransactionId: "t2" });
    expect(
      store()
        .state()
        .pending.map((one) => [...one.pages]),
    ).toEqual([[1, 3], [2]]);
    expect(store().state().pending[1]).toMatchObject({
      version: 2,
      message: "two",
      appTransactionId: "t2",
    });
  });

  it("reads a page that nobody wrote as zeros, and one of zeros as a page", () => {
    commit(store(), 5, { 5: 0 });
    expect(readLatest(store(), 4)).toBe("zeros");
    expect(readLatest(store(), 5)).toBe(0);
    expect(readLatest(store(), 6)).toBe("zeros");
  });

  it("commits staged pages like others, and forgets dropped ones", () => {
    const staged = store().stage(index(1), page(7));
    const dropped = store().stage(index(2), page(8));
    const target = new Uint8Array(PAGE_SIZE);
    store().readStaged(dropped, target);
    expect(target).toEqual(page(8));
    expect(readLatest(store(), 1)).toBe("zeros");
    store().dropStaged([dropped]);
    store().commitLocal({ pageCount: toPageCount(2), pages: new Map([[index(1), staged]]) });
    expect([readLatest(store(), 1), readLatest(store(), 2)]).toEqual([7, "zeros"]);
  });

  it("keeps a state value as it was when it was asked for", () => {
    commit(store(), 1, { 1: 1 });
    const state = store().state();
    commit(store(), 1, { 1: 2 });
    expect([state.version, state.pending.length]).toEqual([1, 1]);
  });
}

function remotePages(store: GetStore): void {
  it("calls a remote page that was never fetched absent, and zeros only beyond the end", () => {
    pull(store(), remote(1, 3));
    expect([readLatest(store(), 1), readLatest(store(), 3)]).toEqual(["absent", "absent"]);
    expect(readLatest(store(), 4)).toBe("zeros");
  });

  it("keeps fetched pages, and the knowledge that one does not exist", () => {
    pull(store(), remote(1, 3));
    const pin = store().pin();
    put(store(), pin, { 1: 10 });
    store().putFetched(pin, index(2), undefined);
    expect([1, 2, 3].map((at) => read(store(), pin, at))).toEqual([10, "zeros", "absent"]);
    expect([...store().absent(pin, pageRange(1, 9))]).toEqual([3]);
    pin.close();
  });

  it("leaves a page alone that is local at the pin", () => {
    pull(store(), remote(1, 1));
    commit(store(), 1, { 1: 5 });
    const pin = store().pin();
    put(store(), pin, { 1: 99 });
    expect(read(store(), pin, 1)).toBe(5);
    pin.close();
  });

  it("lets a page fetched for an old pin serve later versions until it changed", () => {
    pull(store(), remote(1, 3));
    const old = store().pin();
    pull(store(), remote(2, 3), [2]);
    commit(store(), 3, { 3: 33 });
    put(store(), old, { 1: 10, 2: 20, 3: 30 });
    expect([1, 2, 3].map((at) => read(store(), old, at))).toEqual([10, 20, 30]);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "absent", 33]);
    old.close();
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "absent", 33]);
  });

  it("never lets an old fetch pass for a newer page that was pushed and evicted", () => {
    pull(store(), remote(1, 1));
    const old = store().pin();
    commit(store(), 1, { 1: 7 });
    push(store(), 2);
    store().evict(0);
    put(store(), old, { 1: 1 });
    expect(read(store(), old, 1)).toBe(1);
    expect([7, "absent"]).toContain(readLatest(store(), 1));
    old.close();
  });

  it("ignores a page that arrives for a pin that was closed", () => {
    pull(store(), remote(1, 1));
    const pin = store().pin();
    pin.close();
    put(store(), pin, { 1: 1 });
    expect(readLatest(store(), 1)).toBe("absent");
  });
}

function pulls(store: GetStore): void {
  it("calls changed pages absent after a pull, keeps the others, and disturbs no pin", () => {
    fill(store(), remote(1, 3), { 1: 10, 2: 20, 3: 30 });
    const old = store().pin();
    expect(pull(store(), remote(2, 3), [2])).toBe(2);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "absent", 30]);
    expect([1, 2, 3].map((at) => read(store(), old, at))).toEqual([10, 20, 30]);
    old.close();
    expect(readLatest(store(), 2)).toBe("absent");
  });

  it("shows B's page after A pushed it, B changed it, and A pulled and wrote another", () => {
    commit(store(), 2, { 1: 1 });
    push(store(), 1);
    pull(store(), remote(2, 2), [1]);
    commit(store(), 2, { 2: 2 });
    expect([readLatest(store(), 1), readLatest(store(), 2)]).toEqual(["absent", 2]);
    const pin = store().pin();
    put(store(), pin, { 1: 99 });
    expect(read(store(), pin, 1)).toBe(99);
    pin.close();
  });

  it("sums up any number of pulls, with and without pins in between", () => {
    fill(store(), remote(1, 40), Object.fromEntries(range(1, 40).map((at) => [at, at])));
    const pins: Pin[] = [];
    for (let lsn = 2; lsn <= 30; lsn++) {
      if (lsn % 7 === 0) pins.push(store().pin());
      pull(store(), remote(lsn, 40), [lsn]);
    }
    const absent = store().pin();
    expect([...store().absent(absent, pageRange(1, 40))]).toEqual(range(2, 30));
    expect(read(store(), absent, 31)).toBe(31);
    for (const pin of [...pins, absent]) pin.close();
  });

  it("takes a changed set of a hundred million pages as what it is: one range", () => {
    pull(store(), remote(1, 100_000_000));
    pullSet(store(), remote(2, 100_000_000), pageRange(1, toPageCount(100_000_000)));
    expect(readLatest(store(), 99_999_999)).toBe("absent");
  });
}

function pushes(store: GetStore): void {
  it("folds all pending commits: newest pages, and none that was cut off later", () => {
    commit(store(), 4, { 1: 1, 4: 4 });
    commit(store(), 2, { 1: 2 });
    commit(store(), 3, { 2: 2 });
    const prepared = store().preparePush(commitId(1));
    expect([...prepared.pages]).toEqual([1, 2]);
    expect(prepared).toMatchObject({
      commitId: commitId(1),
      base: undefined,
      toVersion: 3,
      commitCount: 3,
    });
    expect(prepared).toMatchObject({ pageCount: 3, lowPageCount: 2 });
    expect(store().state().push).toEqual(prepared);
  });

  it("keeps what a prepared push sends readable while commits go on", () => {
    commit(store(), 2, { 1: 1, 2: 2 });
    store().preparePush(commitId(1));
    commit(store(), 1, { 1: 11 });
    const pin = store().pinPush();
    expect(pin).toMatchObject({ version: 1, pageCount: 2 });
    expect(pin && [read(store(), pin, 1), read(store(), pin, 2)]).toEqual([1, 2]);
    pin?.close();
  });

  it("moves the snapshot and no version when a push completes, and keeps later commits pending", () => {
    commit(store(), 1, { 1: 1 });
    store().preparePush(commitId(1));
    commit(store(), 1, { 1: 2 });
    store().completePush(remote(1, 1));
    expect(store().state()).toMatchObject({ version: 2, push: undefined, remote: remote(1, 1) });
    expect(
      store()
        .state()
        .pending.map((one) => one.version),
    ).toEqual([2]);
    expect(readLatest(store(), 1)).toBe(2);
    expect(store().pinPush()).toBeUndefined();
  });

  it("has the commits pending again after a push that was abandoned", () => {
    commit(store(), 1, { 1: 1 });
    store().preparePush(commitId(1));
    store().abandonPush();
    expect(store().state()).toMatchObject({ push: undefined, isDiverged: false });
    expect(store().state().pending).toHaveLength(1);
    expect(store().preparePush(commitId(2)).commitId).toBe(commitId(2));
  });

  it("remembers that it is diverged until it is reset", () => {
    pull(store(), remote(1, 1));
    commit(store(), 1, { 1: 1 });
    store().preparePush(commitId(1));
    store().markDiverged();
    expect(store().state()).toMatchObject({ push: undefined, isDiverged: true });
    expect(readLatest(store(), 1)).toBe(1);
    store().resetToRemote(remote(2, 1), new MutablePageSet());
    expect(store().state().isDiverged).toBe(false);
  });
}

function truncations(store: GetStore): void {
  it("reads cut-off pages as zeros after the volume grew again, and old pins as before", () => {
    fill(store(), remote(1, 3), { 1: 10, 3: 30 });
    const old = store().pin();
    commit(store(), 1, {});
    const shrunk = store().pin();
    commit(store(), 3, {});
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual([10, "zeros", "zeros"]);
    expect([1, 2, 3].map((at) => read(store(), old, at))).toEqual([10, "absent", 30]);
    expect(read(store(), shrunk, 3)).toBe("zeros");
    old.close();
    shrunk.close();
    expect(readLatest(store(), 3)).toBe("zeros");
  });

  it("reads them as zeros after a push between the shrink and the growth, too", () => {
    fill(store(), remote(1, 3), { 3: 30 });
    commit(store(), 1, {});
    push(store(), 2);
    commit(store(), 3, {});
    push(store(), 3);
    expect([2, 3].map((at) => readLatest(store(), at))).toEqual(["zeros", "zeros"]);
    pull(store(), remote(4, 3), [3]);
    expect([2, 3].map((at) => readLatest(store(), at))).toEqual(["zeros", "absent"]);
  });

  it("forgets remote pages that were cut off remotely", () => {
    fill(store(), remote(1, 3), { 3: 30 });
    pull(store(), remote(2, 1), []);
    pull(store(), remote(3, 3), []);
    expect(readLatest(store(), 3)).toBe("zeros");
    pull(store(), remote(4, 3), [3]);
    expect(readLatest(store(), 3)).toBe("absent");
  });

  it("fetches an evicted page again that lies where the volume once ended", () => {
    commit(store(), 1, { 1: 1 });
    commit(store(), 3, { 3: 3 });
    push(store(), 1);
    store().evict(0);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", "zeros", "absent"]);
  });
}

function resets(store: GetStore): void {
  it("gives up local work, also when the remote has nothing newer", () => {
    fill(store(), remote(1, 2), { 1: 10, 2: 20 });
    const mine = commitAndPin(store(), 3, { 1: 11, 3: 33 });
    expect(store().resetToRemote(remote(1, 2), new MutablePageSet())).toBe(3);
    expect(store().state()).toMatchObject({ version: 3, pageCount: 2, remote: remote(1, 2) });
    expect(store().state().pending).toEqual([]);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", 20, "zeros"]);
    expect([1, 2, 3].map((at) => read(store(), mine, at))).toEqual([11, 20, 33]);
    mine.close();
  });

  it("gives up a prepared push, and pages that were cut off come back as absent", () => {
    fill(store(), remote(1, 3), { 3: 30 });
    commit(store(), 1, {});
    store().preparePush(commitId(1));
    store().resetToRemote(remote(2, 3), pageSetOf([index(2)]));
    expect(store().state().push).toBeUndefined();
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", "absent", "absent"]);
  });

  it("is empty after a reset without a remote", () => {
    commit(store(), 2, { 2: 2 });
    store().resetToRemote(undefined, new MutablePageSet());
    expect(store().state()).toMatchObject({ version: 2, pageCount: 0, remote: undefined });
    commit(store(), 2, {});
    expect(readLatest(store(), 2)).toBe("zeros");
  });
}

function evictions(store: GetStore): void {
  it("evicts clean pages, and never unpushed ones or those of a pin", () => {
    fill(store(), remote(1, 3), { 1: 10, 2: 20 });
    commit(store(), 3, { 3: 30 });
    const pin = store().pin();
    store().evict(0);
    expect([1, 2, 3].map((at) => read(store(), pin, at))).toEqual([10, 20, 30]);
    pin.close();
    store().evict(0);
    expect([1, 2, 3].map((at) => readLatest(store(), at))).toEqual(["absent", "absent", 30]);
    expect(store().usage()).toEqual({ pages: 1, bytes: PAGE_SIZE });
  });

  it("evicts no more than asked, and what was read last goes last", () => {
    const contents = Object.fromEntries(range(1, 600).map((at) => [at, at % 251]));
    fill(store(), remote(1, 600), contents);
    for (const at of range(1, 300)) readLatest(store(), at);
    store().evict(300 * PAGE_SIZE);
    expect(store().usage().pages).toBe(300);
    const pin = store().pin();
    expect(store().absent(pin, pageRange(1, 290)).cardinality).toBeLessThan(15);
    pin.close();
  });

  it("can evict what was pushed", () => {
    commit(store(), 1, { 1: 1 });
    store().evict(0);
    expect(readLatest(store(), 1)).toBe(1);
    push(store(), 1);
    store().evict(0);
    expect(readLatest(store(), 1)).toBe("absent");
  });
}

function refusals(store: GetStore): void {
  it("refuses pages of another size, and changes nothing", () => {
    pull(store(), remote(1, 1));
    const wrong = new Uint8Array(1024);
    const refused = (work: () => unknown): void => {
      expect(work).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    };
    refused(() => store().stage(index(1), wrong));
    refused(() =>
      store().commitLocal({ pageCount: toPageCount(1), pages: new Map([[index(1), wrong]]) }),
    );
    refused(() =>
      store().applyRemote({ ...remote(2, 1), pageSize: toPageSize(1024) }, pageRange(1, 1)),
    );
    expect(store().state()).toMatchObject({ version: 1, remote: remote(1, 1) });
    expect(() => store().stage(index(1), wrong)).toThrow(GraftError);
  });

  it("crashes on calls that make no sense", () => {
    expect(() => store().completePush(remote(1, 0))).toThrow(/a push was prepared/);
    expect(() => store().preparePush(commitId(1))).toThrow(/something to push/);
    commit(store(), 1, { 1: 1 });
    expect(() => pull(store(), remote(1, 1))).toThrow(/without pending commits/);
    expect(() => commit(store(), 1, { 2: 1 })).toThrow(/above its page count/);
    store().preparePush(commitId(1));
    expect(() => store().preparePush(commitId(2))).toThrow(/one push/);
    expect(() => store().completePush(remote(1, 9))).toThrow(/page count/);
    const pin = store().pin();
    pin.close();
    expect(() => read(store(), pin, 1)).toThrow(/closed/);
    expect(store().state()).toMatchObject({ version: 1 });
  });
}

function reopening(
  fixture: () => LocalStoreFixture,
  store: { readonly get: GetStore; readonly reopen: () => void },
): void {
  it("knows everything again after it was closed and opened", ({ skip }) => {
    if (!fixture().isDurable) skip("it keeps nothing");
    fill(store.get(), remote(1, 9), { 1: 10, 2: 20, 4: 40 });
    pull(store.get(), remote(2, 9), [2]);
    commit(store.get(), 9, { 3: 30 });
    store.get().preparePush(commitId(1));
    commit(store.get(), 9, { 3: 31 });
    const { pending, ...facts } = store.get().state();
    store.reopen();
    expect(store.get().state()).toMatchObject(facts);
    expect(
      store
        .get()
        .state()
        .pending.map((one) => [...one.pages]),
    ).toEqual([[3], [3]]);
    expect(pending).toHaveLength(2);
    expect(range(1, 5).map((at) => readLatest(store.get(), at))).toEqual([
      10,
      "absent",
      31,
      40,
      "absent",
    ]);
    const pin = store.get().pinPush();
    expect(pin && read(store.get(), pin, 3)).toBe(30);
    pin?.close();
    expect(store.get().pageSize).toBe(PAGE_SIZE);
  });

  it("forgets staged pages when it is closed", ({ skip }) => {
    if (!fixture().isDurable) skip("it keeps nothing");
    commit(store.get(), 1, { 1: 1 });
    store.get().stage(index(1), page(2));
    store.reopen();
    expect(readLatest(store.get(), 1)).toBe(1);
    expect(store.get().usage().pages).toBe(1);
  });
}

function index(value: number): PageIndex {
  return toPageIndex(value);
}

function page(content: number): Uint8Array {
  return new Uint8Array(PAGE_SIZE).fill(content);
}

function remote(lsn: number, pageCount: number): RemotePoint {
  return { lsn: toLsn(BigInt(lsn)), pageCount: toPageCount(pageCount), pageSize: PAGE_SIZE };
}

function commitId(seed: number): ReturnType<typeof createCommitId> {
  return createCommitId(new SeededRandom(seed));
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** Contents by page index. */
type Contents = Readonly<Record<number, number>>;

function pagesOf(pageCount: number, contents: Contents): NewLocalCommit {
  const pages = new Map<PageIndex, Uint8Array>();
  for (const [at, content] of Object.entries(contents)) pages.set(index(Number(at)), page(content));
  return { pageCount: toPageCount(pageCount), pages };
}

function commit(store: LocalStore, pageCount: number, contents: Contents): number {
  return store.commitLocal(pagesOf(pageCount, contents));
}

function commitAndPin(store: LocalStore, pageCount: number, contents: Contents): Pin {
  commit(store, pageCount, contents);
  return store.pin();
}

function pull(store: LocalStore, point: RemotePoint, changed: Iterable<number> = []): number {
  return pullSet(store, point, pageSetOf([...changed].map(index)));
}

function pullSet(store: LocalStore, point: RemotePoint, changed: PageSet): number {
  return store.applyRemote(point, changed);
}

function push(store: LocalStore, lsn: number): void {
  const { pageCount } = store.preparePush(commitId(lsn));
  store.completePush(remote(lsn, pageCount));
}

function put(store: LocalStore, pin: Pin, contents: Contents): void {
  for (const [at, content] of Object.entries(contents)) {
    store.putFetched(pin, index(Number(at)), page(content));
  }
}

function fill(store: LocalStore, point: RemotePoint, contents: Contents): void {
  pull(store, point);
  const pin = store.pin();
  put(store, pin, contents);
  pin.close();
}

/** The content of a page, or why there is none. */
function read(store: LocalStore, pin: Pin, at: number): number | "zeros" | "absent" {
  const target = new Uint8Array(PAGE_SIZE).fill(0xee);
  const kind = store.read(pin, index(at), target);
  if (kind === "absent") return kind;
  const content = target[0] ?? 0;
  expect(target).toEqual(page(content));
  if (kind === "zeros") expect(content).toBe(0);
  return kind === "zeros" ? kind : content;
}

function readLatest(store: LocalStore, at: number): number | "zeros" | "absent" {
  const pin = store.pin();
  try {
    return read(store, pin, at);
  } finally {
    pin.close();
  }
}
