import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

test("a burst goes at once, then the rate holds", () => {
  const bucket = new TokenBucket(10, 3, 0);
  for (let at = 0; at < 3; at++) {
    expect(bucket.waitMs(1, 0)).toBe(0);
    bucket.take(1, 0);
  }
  expect(bucket.waitMs(1, 0)).toBe(100);
  expect(bucket.waitMs(1, 50)).toBe(50);
  expect(bucket.waitMs(1, 100)).toBe(0);
});

test("what was owed is paid first, and an idle bucket holds no more than a burst", () => {
  const bucket = new TokenBucket(1000, 500, 0);
  bucket.take(2500, 0);
  expect(bucket.waitMs(1, 0)).toBe(2001);
  expect(bucket.waitMs(9_999_999, 1_000_000)).toBe(0);
  bucket.take(500, 1_000_000);
  expect(bucket.waitMs(1, 1_000_000)).toBe(1);
});

test("who waits as long as told gets it, and over any time no more than burst + rate passes", () => {
  const steps = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 20 })), { minLength: 1 });
  fc.assert(
    fc.property(steps, (asked) => {
      const bucket = new TokenBucket(100, 20, 0);
      let [nowMs, taken] = [0, 0];
      for (const [pauseMs, amount] of asked) {
        nowMs += pauseMs;
        nowMs += bucket.waitMs(amount, nowMs);
        expect(bucket.waitMs(amount, nowMs)).toBeLessThanOrEqual(1);
        bucket.take(amount, nowMs);
        taken += amount;
        expect(taken).toBeLessThanOrEqual(20 + nowMs / 10 + 1);
      }
    }),
  );
});
