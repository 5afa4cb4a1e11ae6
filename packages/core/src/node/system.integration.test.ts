import { expect, test } from "vitest";
import { randomBytes } from "../random.ts";
import { systemClock } from "./system-clock.ts";
import { systemRandom } from "./system-random.ts";

test("a sleep lasts at least as long as asked", async () => {
  for (const ms of [0, 1, 5, 20]) {
    const start = systemClock.monotonicMs();
    await systemClock.sleep(ms);
    expect(systemClock.monotonicMs() - start).toBeGreaterThanOrEqual(ms);
  }
});

test("a sleep of more than 2^31 ms does not return at once, and can be aborted", async () => {
  const controller = new AbortController();
  let isOver = false;
  const sleep = systemClock.sleep(2 ** 40, controller.signal).finally(() => {
    isOver = true;
  });
  const outcome = expect(sleep).rejects.toThrow("that is enough");
  await systemClock.sleep(20);
  expect(isOver).toBe(false);
  controller.abort(new Error("that is enough"));
  await outcome;
});

test("a signal that is aborted already rejects with its reason", async () => {
  const signal = AbortSignal.abort(new Error("too late"));
  await expect(systemClock.sleep(1, signal)).rejects.toThrow("too late");
});

test("the kernel's entropy fills every byte of any size", () => {
  const sum = new Uint8Array(1000);
  for (let round = 0; round < 20; round++) {
    for (const [at, byte] of randomBytes(systemRandom, 1000).entries())
      sum[at] = (sum[at] ?? 0) | byte;
  }
  expect(sum.every((byte) => byte !== 0)).toBe(true);
});
