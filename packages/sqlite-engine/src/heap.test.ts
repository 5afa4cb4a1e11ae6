import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { instantiateEngine } from "./load-engine.ts";
import { loadNodeEngine } from "./node/load-engine.ts";

const { exports, heap } = await instantiateEngine(await loadNodeEngine(), {
  clock: new SimulatedClock(),
});

test("text goes into the heap and comes back, whatever is in it", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.integer({ min: 0, max: 1_000_000 }).map(longText),
    fc.constantFrom("\ud800 alone", "\ufeff a byte order mark", "\ufeff".repeat(50)),
    fc.constant(`${"é€😀".repeat(1000)}\udc00`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const written = heap.createText(exports, text);
      if (written === undefined) throw new Error("no memory");
      expect(heap.bytes[written.pointer + written.size]).toBe(0);
      expect(written.size).toBe(new TextEncoder().encode(text).length);
      expect(heap.decodeText(written.pointer, written.size)).toBe(text.toWellFormed());
      exports.sqlite3_free(written.pointer);
    }),
    { numRuns: 200 },
  );
});

/** Longer than what is encoded without measuring, of characters of every size, halves included. */
function longText(seed: number): string {
  const characters = ["a", "é", "€", "😀", "\ud800", "\udc00", "\0", "߿", "ࠀ"];
  const random = new SeededRandom(seed);
  return Array.from({ length: 1025 + (seed % 40) }, () => random.pick(characters)).join("");
}

test("the views follow the memory when it grows", () => {
  const before = heap.bytes;
  const pointer = exports.sqlite3_malloc(20_000_000);
  expect(before.length).toBe(0);
  heap.bytes[pointer + 19_999_999] = 7;
  heap.writeWord(pointer, -5);
  expect(heap.readWord(pointer)).toBe(-5);
  expect(heap.bytes.length).toBeGreaterThan(20_000_000);
  exports.sqlite3_free(pointer);
});

test("memory that cannot be had is NULL, not an exception", async () => {
  const small = await instantiateEngine(await loadNodeEngine(), {
    clock: new SimulatedClock(),
    heapMaxBytes: 16 * 1024 * 1024,
  });
  expect(small.exports.sqlite3_malloc(20_000_000)).toBe(0);
  expect(small.heap.createText(small.exports, "x".repeat(20_000_000))).toBeUndefined();
  expect(small.heap.growTo(2 ** 33)).toBe(false);
});
