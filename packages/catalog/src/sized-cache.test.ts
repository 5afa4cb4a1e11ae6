import { expect, test } from "vitest";
import { SizedCache } from "./sized-cache.ts";

test("a sized cache lets go of what was used longest ago, and never holds more than its bound", () => {
  const cache = new SizedCache<string, number>(10);
  cache.set("a", 1, 4);
  cache.set("b", 2, 4);
  expect(cache.get("a")).toBe(1);
  cache.set("c", 3, 4);
  expect(cache.get("b")).toBeUndefined();
  expect([cache.get("a"), cache.get("c"), cache.size]).toEqual([1, 3, 8]);
});

test("a value that is larger than the cache is not kept, and a new value replaces the old", () => {
  const cache = new SizedCache<string, number>(10);
  cache.set("a", 1, 4);
  cache.set("a", 2, 6);
  expect([cache.get("a"), cache.size]).toEqual([2, 6]);
  cache.set("a", 3, 11);
  expect([cache.get("a"), cache.size]).toEqual([undefined, 0]);
});
