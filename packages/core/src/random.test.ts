import { expect, test } from "vitest";
import { type Random, randomBytes, randomUnit } from "./random.ts";
import { SeededRandom } from "./testing/seeded-random.ts";

test("randomUnit covers [0, 1) and never reaches 1", () => {
  const constant = (byte: number): Random => ({ fill: (target) => void target.fill(byte) });
  expect(randomUnit(constant(0))).toBe(0);
  expect(randomUnit(constant(0xff))).toBeLessThan(1);
  expect(randomUnit(constant(0x80))).toBeCloseTo(0.5, 2);
});

test("one seed gives one stream, on every machine", () => {
  const bytes = randomBytes(new SeededRandom(7), 8);
  expect(bytes).toEqual(randomBytes(new SeededRandom(7), 8));
  expect(bytes).not.toEqual(randomBytes(new SeededRandom(8), 8));
});

test("seeds that differ only above 32 bits, or in sign, differ", () => {
  const firsts = [1, -1, 2 ** 32 + 1, 2 ** 52 + 1].map((seed) => new SeededRandom(seed).u32());
  expect(new Set(firsts).size).toBe(4);
});

test("bytes are spread evenly", () => {
  const counts = new Array<number>(256).fill(0);
  for (const byte of randomBytes(new SeededRandom(3), 256 * 400)) {
    counts[byte] = (counts[byte] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(300);
  expect(Math.max(...counts)).toBeLessThan(500);
});

test("integers include both ends, and nothing else", () => {
  const random = new SeededRandom(5);
  const seen = new Set(Array.from({ length: 200 }, () => random.integer(-1, 2)));
  expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
});

test("shuffle keeps every item and changes the order; pick finds each", () => {
  const random = new SeededRandom(5);
  const items = [...Array(20).keys()];
  const shuffled = random.shuffle(items);
  expect(shuffled).not.toEqual(items);
  expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  expect(new Set(Array.from({ length: 100 }, () => random.pick(["a", "b"]))).size).toBe(2);
});

test("a fork draws its own stream, and drawing from it leaves its parent alone", () => {
  const [one, two] = [new SeededRandom(9), new SeededRandom(9)];
  const fork = one.fork();
  two.fork();
  for (let count = 0; count < 10; count++) fork.u32();
  expect(one.u32()).toBe(two.u32());
  expect(new SeededRandom(9).fork().u32()).not.toBe(new SeededRandom(9).u32());
});
