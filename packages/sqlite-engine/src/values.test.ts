import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openMemory } from "./testing/fixture.ts";

const db = await openMemory("rerun");
const stock = new DatabaseSync(":memory:");
const ECHO = "select ? as value, typeof(?1) as type, hex(?1) as hex";

type Bindable = number | bigint | string | Uint8Array | null;

const arbitraryValue: fc.Arbitrary<Bindable> = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n }),
  fc.string({ unit: "binary", maxLength: 50 }),
  fc.integer({ min: 0, max: 3000 }).map((length) => "é".repeat(length)),
  fc.uint8Array({ maxLength: 100 }),
  fc.constant(null),
);

describe("values", () => {
  test("what is bound comes back as node:sqlite gives it", async () => {
    const echo = await db.prepare(ECHO);
    const expected = stock.prepare(ECHO);
    await fc.assert(
      fc.asyncProperty(arbitraryValue, async (value) => {
        expect(await echo.get(value)).toEqual({ ...expected.get(value) });
      }),
      { numRuns: 300 },
    );
  });

  test("64-bit integers survive as bigints", async () => {
    const echo = await db.prepare("select ? as value");
    echo.setReadBigInts(true);
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), async (value) => {
        expect(await echo.get(value)).toEqual({ value });
      }),
    );
  });

  test("an integer beyond a number is an error that names its column", async () => {
    const echo = await db.prepare("select 1 as small, ? as large");
    for (const value of [2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      await expect(echo.get(value)).rejects.toThrow(`column "large" holds ${value}`);
      await expect(echo.all(value)).rejects.toMatchObject({ code: "invalid-argument" });
      await expect(echo.iterate(value).next()).rejects.toThrow("setReadBigInts(true)");
    }
    expect(await echo.get(2n ** 53n - 1n)).toEqual({ small: 1, large: 2 ** 53 - 1 });
  });

  test("booleans, undefined, views and buffers are bound as node:sqlite binds them", async () => {
    const echo = await db.prepare(ECHO);
    const expected = stock.prepare(ECHO);
    const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const value of [
      new Uint16Array(bytes.buffer, 2, 2),
      new DataView(bytes.buffer, 1, 3),
      bytes.buffer,
      bytes.subarray(3, 5),
      new Uint8Array(0),
    ]) {
      expect(await echo.get(value)).toEqual({ ...expected.get(value as Uint8Array) });
    }
    expect(await echo.get(true)).toMatchObject({ value: 1, type: "integer" });
    expect(await echo.get(false)).toMatchObject({ value: 0, type: "integer" });
    expect(await echo.get(undefined)).toMatchObject({ value: null, type: "null" });
  });

  test("a blob is a copy: what happens to one side is not seen on the other", async () => {
    const echo = await db.prepare("select ? as value");
    const bound = new Uint8Array([1, 2, 3]);
    const first = (await echo.get(bound))?.value as Uint8Array;
    bound.fill(9);
    await echo.get(new Uint8Array([7, 7, 7]));
    expect(first).toEqual(new Uint8Array([1, 2, 3]));
    expect(first.buffer.byteLength).toBe(3);
  });

  test("an odd value is refused by position and type, and leaves the statement usable", async () => {
    const echo = await db.prepare("select ? as a, ? as b");
    for (const value of [Symbol("x"), () => 1, 2n ** 63n, -(2n ** 63n) - 1n] as never[]) {
      await expect(echo.get(1, value)).rejects.toMatchObject({ code: "invalid-argument" });
      await expect(echo.get(1, value)).rejects.toThrow("parameter 2");
    }
    expect(await echo.get(1, 2)).toEqual({ a: 1, b: 2 });
  });
});

describe("parameters", () => {
  test("names are given with or without their prefix, beside values without a name", async () => {
    const statement = await db.prepare("select :a as a, $b as b, @c as c, ? as d, ? as e");
    const row = { a: 1, b: 2, c: 3, d: 4, e: 5 };
    expect(await statement.get({ a: 1, $b: 2, c: 3 }, 4, 5)).toEqual(row);
    expect(await statement.get({ ":a": 1, b: 2, "@c": 3 }, 4, 5)).toEqual(row);
  });

  test("?1 and ?2 are filled in order", async () => {
    const statement = await db.prepare("select ?2 as second, ?1 as first");
    expect(await statement.get("one", "two")).toEqual({ first: "one", second: "two" });
  });

  test("what is not given is NULL, also when it was given before", async () => {
    const statement = await db.prepare("select ? as a, :b as b");
    await statement.get({ b: 1 }, 2);
    expect(await statement.get()).toEqual({ a: null, b: null });
    expect(await statement.get({})).toEqual({ a: null, b: null });
  });

  test("an unknown name, an ambiguous one and a value too many are refused", async () => {
    const statement = await db.prepare("select :a as a, @a as b, ? as c");
    await expect(statement.get({ z: 1 })).rejects.toThrow('no parameter named "z"; it has :a, @a');
    await expect(statement.get({ a: 1 })).rejects.toThrow("give the prefix as well");
    await expect(statement.get(1, 2)).rejects.toThrow("takes 1 values without a name, got 2");
    expect(await statement.get({ ":a": 1, "@a": 2 }, 3)).toEqual({ a: 1, b: 2, c: 3 });
  });
});
