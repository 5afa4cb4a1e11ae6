import { expect, test } from "vitest";
import { InvariantError } from "../assert.ts";
import { settle } from "../testing/simulated-clock.ts";
import { KeyedLimiter } from "./keyed-limiter.ts";

test("ten tasks over two keys never have more than two of a key under way", async () => {
  const limiter = new KeyedLimiter(2);
  const active = new Map<string, number>();
  let busiest = 0;
  const task = async (key: string): Promise<void> => {
    active.set(key, (active.get(key) ?? 0) + 1);
    busiest = Math.max(busiest, active.get(key) ?? 0);
    await settle();
    active.set(key, (active.get(key) ?? 0) - 1);
  };
  const keys = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? "a" : "b"));
  await Promise.all(keys.map((key) => limiter.run(key, () => task(key))));
  expect(busiest).toBe(2);
  expect(limiter.keyCount).toBe(0);
});

test("those who wait are let in in the order they came", async () => {
  const limiter = new KeyedLimiter(1);
  const order: number[] = [];
  const first = await limiter.acquire("a");
  const others = [1, 2, 3].map((number) =>
    limiter.run("a", async () => {
      order.push(number);
      await settle();
    }),
  );
  await settle();
  expect(order).toEqual([]);
  first[Symbol.dispose]();
  await Promise.all(others);
  expect(order).toEqual([1, 2, 3]);
});

test("nobody slips in between a leaving holder and the one who waited", async () => {
  const limiter = new KeyedLimiter(1);
  const held = await limiter.acquire("a");
  const waiting = limiter.acquire("a");
  held[Symbol.dispose]();
  const late = limiter.acquire("a");
  expect(limiter.activeCount("a")).toBe(1);
  (await waiting)[Symbol.dispose]();
  (await late)[Symbol.dispose]();
  expect(limiter.activeCount("a")).toBe(0);
});

test("a permit given back twice frees one place", async () => {
  const limiter = new KeyedLimiter(1);
  const permit = await limiter.acquire("a");
  permit[Symbol.dispose]();
  permit[Symbol.dispose]();
  const next = await limiter.acquire("a");
  expect(limiter.activeCount("a")).toBe(1);
  next[Symbol.dispose]();
});

test("an aborted wait leaves the queue and gives its reason; the others go on", async () => {
  const limiter = new KeyedLimiter(1);
  const held = await limiter.acquire("a");
  const controller = new AbortController();
  const aborted = limiter.acquire("a", controller.signal);
  const waiting = limiter.acquire("a");
  expect(limiter.waitingCount("a")).toBe(2);
  controller.abort(new Error("changed my mind"));
  await expect(aborted).rejects.toThrow("changed my mind");
  await expect(limiter.acquire("a", controller.signal)).rejects.toThrow("changed my mind");
  expect(limiter.waitingCount("a")).toBe(1);
  held[Symbol.dispose]();
  (await waiting)[Symbol.dispose]();
  expect(limiter.waitingCount("a")).toBe(0);
  expect(limiter.keyCount).toBe(0);
});

test("a task that throws gives its place back", async () => {
  const limiter = new KeyedLimiter(1);
  const failing = limiter.run("a", async () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(limiter.keyCount).toBe(0);
});

test.each([0, -1, 1.5, Number.NaN])("a limit of %s is broken code", (limit) => {
  expect(() => new KeyedLimiter(limit)).toThrow(InvariantError);
});
