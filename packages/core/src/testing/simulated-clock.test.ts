import { expect, test } from "vitest";
import { systemClock } from "../node/system-clock.ts";
import { SimulatedClock } from "./simulated-clock.ts";

test("time stands still until it is let go", async () => {
  const clock = new SimulatedClock({ startMs: 1000 });
  let isAwake = false;
  const sleep = clock.sleep(10).then(() => {
    isAwake = true;
  });
  await clock.advance(9);
  expect([isAwake, clock.nowMs(), clock.nextDueMs]).toEqual([false, 1009, 1]);
  await clock.advance(1);
  await sleep;
  expect([isAwake, clock.nowMs(), clock.nextDueMs]).toEqual([true, 1010, undefined]);
});

test("sleepers wake in the order they are due, ties in the order they came", async () => {
  const clock = new SimulatedClock();
  const order: string[] = [];
  const sleep = async (ms: number, name: string): Promise<void> => {
    await clock.sleep(ms);
    order.push(`${name}@${clock.monotonicMs()}`);
  };
  const all = [sleep(20, "c"), sleep(10, "a"), sleep(10, "b"), sleep(0, "now")];
  await clock.advance(100);
  await Promise.all(all);
  expect(order).toEqual(["now@0", "a@10", "b@10", "c@20"]);
});

test("what a sleeper starts runs, and may sleep again, before the next one wakes", async () => {
  const clock = new SimulatedClock();
  const order: number[] = [];
  const ticker = async (): Promise<void> => {
    for (let tick = 0; tick < 3; tick++) {
      await clock.sleep(10);
      order.push(clock.monotonicMs());
    }
  };
  const ticking = ticker();
  await clock.advance(35);
  await ticking;
  expect(order).toEqual([10, 20, 30]);
  expect(clock.monotonicMs()).toBe(35);
});

test("in auto mode time jumps when nothing else can run", async () => {
  const clock = new SimulatedClock({ mode: "auto" });
  const hour = clock.sleep(3_600_000).then(() => clock.monotonicMs());
  const minute = clock.sleep(60_000).then(() => clock.monotonicMs());
  expect(await Promise.all([hour, minute])).toEqual([3_600_000, 60_000]);
  await clock.sleep(5);
  expect(clock.monotonicMs()).toBe(3_600_005);
});

test("an aborted sleep rejects with its reason and is forgotten", async () => {
  const clock = new SimulatedClock();
  const controller = new AbortController();
  const sleep = clock.sleep(10, controller.signal);
  controller.abort(new Error("wake up"));
  await expect(sleep).rejects.toThrow("wake up");
  await expect(clock.sleep(10, controller.signal)).rejects.toThrow("wake up");
  expect(clock.sleeperCount).toBe(0);
});

test("when the wall clock is set, the monotonic clock and sleepers do not notice", async () => {
  const clock = new SimulatedClock({ startMs: 10_000 });
  const sleep = clock.sleep(5);
  clock.jumpWall(-9_000);
  expect([clock.nowMs(), clock.monotonicMs(), clock.nextDueMs]).toEqual([1_000, 0, 5]);
  await clock.advance(5);
  await sleep;
});

test("a sleep of no time needs nobody to let time pass", async () => {
  const clock = new SimulatedClock();
  await clock.sleep(0);
  expect(clock.monotonicMs()).toBe(0);
  await expect(clock.sleep(0, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
});

test("it does not jump while work on another thread is under way", async () => {
  const clock = new SimulatedClock({ mode: "auto" });
  const order: string[] = [];
  const sleep = clock.sleep(10).then(() => order.push("sleeper"));
  const work = systemClock.sleep(20).then(() => order.push("work"));
  await clock.standStill(work);
  expect(clock.monotonicMs()).toBe(0);
  await sleep;
  expect(order).toEqual(["work", "sleeper"]);
});
