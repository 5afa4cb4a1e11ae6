import { equalBytes, GraftError } from "@graft/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ObjectRange, ObjectStore } from "../object-store.ts";

/** A store to test, empty under every prefix the suite uses. */
export interface ObjectStoreFixture {
  readonly store: ObjectStore;
  /** The same objects as another process would open them. */
  readonly open: () => Promise<ObjectStore>;
  /** Removes everything. */
  readonly remove?: () => Promise<void>;
}

/**
 * What `ObjectStore` promises, as a suite. Each implementation runs it in one line.
 *
 * @param create called before each test
 */
export function objectStoreContract(name: string, create: () => Promise<ObjectStoreFixture>): void {
  describe(`${name} keeps the object store's promises`, () => {
    let fixture: ObjectStoreFixture;
    beforeEach(async () => {
      fixture = await create();
    });
    afterEach(async () => {
      await fixture.store.close();
      await fixture.remove?.();
    });
    readsAndWrites(() => fixture);
    ranges(() => fixture);
    creates(() => fixture);
    listings(() => fixture);
    refusals(() => fixture);
  });
}

type GetFixture = () => ObjectStoreFixture;

function readsAndWrites(fixture: GetFixture): void {
  it("answers undefined for an object that is not there", async () => {
    const { store } = fixture();
    expect(await store.get("a/missing")).toBeUndefined();
    expect(await store.head("a/missing")).toBeUndefined();
    await store.delete("a/missing");
  });

  it("reads back what was put, in one piece or in parts, empty too", async () => {
    const { store } = fixture();
    await store.put("a/whole", bytes(1, 2, 3));
    await store.put("a/parts", [bytes(1), bytes(), bytes(2, 3, 4)]);
    await store.put("a/empty", bytes());
    expect(await store.get("a/whole")).toEqual({ bytes: bytes(1, 2, 3), size: 3 });
    expect(await store.get("a/parts")).toEqual({ bytes: bytes(1, 2, 3, 4), size: 4 });
    expect(await store.get("a/empty")).toEqual({ bytes: bytes(), size: 0 });
    expect(await store.head("a/parts")).toEqual({ size: 4 });
  });

  it("replaces an object by a shorter one and by a longer one", async () => {
    const { store } = fixture();
    for (const body of [bytes(1, 2), bytes(3), bytes(4, 5, 6)]) {
      await store.put("a/object", body);
      expect(await store.get("a/object")).toEqual({ bytes: body, size: body.length });
    }
  });

  it("keeps its own bytes: what a caller does to its arrays afterwards changes nothing", async () => {
    const { store } = fixture();
    const body = bytes(1, 2, 3);
    await store.put("a/put", body);
    await store.create("a/create", body);
    body.fill(9);
    for (const key of ["a/put", "a/create"]) {
      (await store.get(key))?.bytes.fill(8);
      expect((await store.get(key))?.bytes).toEqual(bytes(1, 2, 3));
    }
  });

  it("shows what was written to another process at once", async () => {
    const { store, open } = fixture();
    const other = await open();
    await store.put("a/object", bytes(1));
    expect((await other.get("a/object"))?.bytes).toEqual(bytes(1));
    await other.put("a/object", bytes(2));
    expect((await store.get("a/object"))?.bytes).toEqual(bytes(2));
    await other.delete("a/object");
    expect(await store.get("a/object")).toBeUndefined();
    if (other !== store) await other.close();
  });

  it("takes an object of 20 MiB and reads it back whole and in part", async () => {
    const { store } = fixture();
    const body = pattern(20 * 1024 * 1024 + 1);
    await store.put("a/large", [body.subarray(0, 5_000_000), body.subarray(5_000_000)]);
    const whole = await store.get("a/large");
    expect(whole !== undefined && equalBytes(whole.bytes, body)).toBe(true);
    const range = { offset: 8 * 1024 * 1024 - 1, size: 3 };
    const part = await store.get("a/large", { range });
    expect(part?.bytes).toEqual(body.slice(range.offset, range.offset + 3));
    expect(part?.size).toBe(body.length);
  });

  it("deletes", async () => {
    const { store } = fixture();
    await store.put("a/object", bytes(1));
    await store.delete("a/object");
    expect(await store.get("a/object")).toBeUndefined();
    expect(await store.create("a/object", bytes(2))).toBe("created");
  });
}

function ranges(fixture: GetFixture): void {
  it("reads ranges: inside, cut at the end, beyond it, and suffixes", async () => {
    const { store } = fixture();
    await store.put("a/object", bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    const cases: readonly (readonly [ObjectRange, Uint8Array])[] = [
      [{ offset: 0, size: 1 }, bytes(0)],
      [{ offset: 3, size: 4 }, bytes(3, 4, 5, 6)],
      [{ offset: 0, size: 10 }, bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)],
      [{ offset: 8, size: 5 }, bytes(8, 9)],
      [{ offset: 9, size: 1 }, bytes(9)],
      [{ offset: 10, size: 1 }, bytes()],
      [{ offset: 1000, size: 5 }, bytes()],
      [{ suffix: 1 }, bytes(9)],
      [{ suffix: 10 }, bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)],
      [{ suffix: 99 }, bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)],
    ];
    for (const [range, expected] of cases) {
      const label = JSON.stringify(range);
      expect(await store.get("a/object", { range }), label).toEqual({ bytes: expected, size: 10 });
    }
  });

  it("reads ranges of an empty object and of none", async () => {
    const { store } = fixture();
    await store.put("a/empty", bytes());
    for (const range of [{ offset: 0, size: 1 }, { suffix: 3 }]) {
      expect(await store.get("a/empty", { range })).toEqual({ bytes: bytes(), size: 0 });
      expect(await store.get("a/missing", { range })).toBeUndefined();
    }
  });

  it("refuses ranges that are none", async () => {
    const { store } = fixture();
    await store.put("a/object", bytes(1));
    const wrong = [
      { offset: -1, size: 1 },
      { offset: 0, size: 0 },
      { offset: 0.5, size: 1 },
      { offset: 0, size: Number.NaN },
      { suffix: 0 },
      { suffix: -4 },
    ];
    for (const range of wrong) await refused(store.get("a/object", { range }));
  });
}

function creates(fixture: GetFixture): void {
  it("creates once: a second create answers exists and changes nothing", async () => {
    const { store, open } = fixture();
    const other = await open();
    expect(await store.create("a/object", bytes(1))).toBe("created");
    expect(await store.create("a/object", bytes(2))).toBe("exists");
    expect(await other.create("a/object", bytes(1))).toBe("exists");
    expect((await other.get("a/object"))?.bytes).toEqual(bytes(1));
    if (other !== store) await other.close();
  });

  it("does not create over an object that was put, or an empty one", async () => {
    const { store } = fixture();
    await store.put("a/put", bytes(1));
    await store.create("a/empty", bytes());
    expect(await store.create("a/put", bytes(2))).toBe("exists");
    expect(await store.create("a/empty", bytes(2))).toBe("exists");
    expect((await store.get("a/empty"))?.size).toBe(0);
  });

  it("lets exactly one of 24 racers win, and shows everyone the winner's bytes", async () => {
    const { store, open } = fixture();
    const other = await open();
    const racers = Array.from({ length: 24 }, (_, at) =>
      (at % 2 === 0 ? store : other).create("a/race", [bytes(at), pattern(4096)]),
    );
    const answers = await Promise.all(racers);
    expect(answers.filter((answer) => answer === "created")).toHaveLength(1);
    const stored = await other.get("a/race");
    expect(stored?.bytes[0]).toBe(answers.indexOf("created"));
    expect(stored?.size).toBe(4097);
    if (other !== store) await other.close();
  });
}

function listings(fixture: GetFixture): void {
  it("lists all objects under a prefix with their sizes, and nothing else", async () => {
    const { store } = fixture();
    const keys = Array.from({ length: 25 }, (_, at) => `l/volumes/${at}/log/000${at}`);
    for (const [at, key] of keys.entries()) await store.put(key, new Uint8Array(at));
    await store.put("l/volumes-2/x", bytes(1));
    await store.put("m", bytes(1));
    const all = keys.map((key, size) => ({ key, size }));
    expect(await listed(store, "l/volumes/")).toEqual(sorted(all));
    expect(await listed(store, "l/volumes/7/")).toEqual([{ key: "l/volumes/7/log/0007", size: 7 }]);
    expect(await listed(store, "l/volumes/none/")).toEqual([]);
  });

  it("takes a prefix that ends within a name, and the empty one", async () => {
    const { store } = fixture();
    for (const key of ["p/ab/1", "p/abc", "p/b", "q"]) await store.put(key, bytes(1));
    expect((await listed(store, "p/ab")).map(({ key }) => key)).toEqual(["p/ab/1", "p/abc"]);
    expect((await listed(store, "p/abc")).map(({ key }) => key)).toEqual(["p/abc"]);
    const keys = (await listed(store, "")).map(({ key }) => key);
    expect(keys).toEqual(["p/ab/1", "p/abc", "p/b", "q"]);
  });

  it("lists names that look like numbers as they are", async () => {
    const { store } = fixture();
    const keys = ["0000000000000001", "1.50", "1e5", "n/0x10"];
    for (const key of keys) await store.put(key, bytes(1));
    expect((await listed(store, "")).map(({ key }) => key)).toEqual(keys);
  });
}

function refusals(fixture: GetFixture): void {
  const wrongKeys = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a b",
    "a\\b",
    "ä",
    "a\0",
  ];

  it.each([...wrongKeys, "a/x.tmp", "k".repeat(513)])("refuses the key %j", async (key) => {
    const { store } = fixture();
    await refused(store.get(key));
    await refused(store.head(key));
    await refused(store.put(key, bytes(1)));
    await refused(store.create(key, bytes(1)));
    await refused(store.delete(key));
  });

  it("takes the longest key and every character a key may have", async () => {
    const { store } = fixture();
    const long = Array.from({ length: 8 }, () => "k".repeat(63)).join("/");
    for (const key of [long, "A-Z/a.z/0_9", "...", "-", "_/.a"]) {
      await store.put(key, bytes(7));
      expect((await store.get(key))?.bytes, key).toEqual(bytes(7));
    }
  });

  it.each(["/", "../", "a//", "a/../b", "a b"])("refuses the prefix %j", async (prefix) => {
    await refused(listed(fixture().store, prefix));
  });

  it("rejects a call that was aborted before it began with the signal's reason", async () => {
    const { store } = fixture();
    const reason = new Error("the caller changed its mind");
    const signal = AbortSignal.abort(reason);
    await expect(store.get("a/x", { signal })).rejects.toBe(reason);
    await expect(store.head("a/x", { signal })).rejects.toBe(reason);
    await expect(store.put("a/x", bytes(1), { signal })).rejects.toBe(reason);
    await expect(store.create("a/x", bytes(1), { signal })).rejects.toBe(reason);
    await expect(store.delete("a/x", { signal })).rejects.toBe(reason);
    await expect(Array.fromAsync(store.list("a/", { signal }))).rejects.toBe(reason);
    expect(await store.get("a/x")).toBeUndefined();
  });
}

async function refused(call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GraftError);
  expect(error).toMatchObject({ code: "invalid-argument" });
}

async function listed(store: ObjectStore, prefix: string): Promise<readonly Listed[]> {
  return sorted(await Array.fromAsync(store.list(prefix)));
}

interface Listed {
  readonly key: string;
  readonly size: number;
}

function sorted(objects: readonly Listed[]): readonly Listed[] {
  return objects.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

/** Bytes whose place shows in their value. */
function pattern(size: number): Uint8Array {
  const array = new Uint8Array(size);
  for (let at = 0; at < size; at++) array[at] = (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff;
  return array;
}
