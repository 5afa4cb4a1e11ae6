import type { GraftError } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { expect, test } from "vitest";
import { SlowRequests } from "./slow-requests.ts";

function setUp() {
  const clock = new SimulatedClock();
  const stopped = new AbortController();
  const crowd = { isThere: false };
  const slow = new SlowRequests(clock, stopped.signal, () => crowd.isThere);
  const begin = (isLarge = false) => {
    const request = {
      isLarge,
      why: "",
      read: 0,
      startMs: clock.monotonicMs(),
      isCut: false,
      isDropped: false,
      cut: (why: GraftError) => {
        request.why = why.message;
        request.isCut = true;
      },
      drop: () => {
        request.isDropped = true;
      },
    };
    slow.add(request);
    return request;
  };
  return { clock, stopped, slow, crowd, begin };
}

test("a request that dribbles is cut, one that keeps up is not, however long it takes", async () => {
  const { clock, slow, begin } = setUp();
  const [dribbling, steady] = [begin(), begin()];
  for (let second = 1; second <= 60; second++) {
    dribbling.read += 10;
    steady.read += 5000;
    await clock.advance(1000);
    expect(dribbling.isCut).toBe(second >= 15);
    expect(dribbling.isDropped).toBe(second >= 20);
  }
  expect(steady.isCut).toBe(false);
  slow.delete(steady);
});

test("a large request that is slow is cut while others wait for room, and not before", async () => {
  const { clock, crowd, begin } = setUp();
  const [large, small, fast, stalling] = [begin(true), begin(), begin(true), begin(true)];
  stalling.read = 30_000_000;
  const move = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      large.read += 10_000;
      small.read += 10_000;
      fast.read += 100_000;
      await clock.advance(1000);
    }
  };
  await move(60);
  expect([large, small, fast, stalling].map((one) => one.isCut)).not.toContain(true);
  crowd.isThere = true;
  await move(5);
  // What it sent long ago is no excuse.
  expect([large, small, fast, stalling].map((one) => one.isCut)).toEqual([
    true,
    false,
    false,
    true,
  ]);
  expect(large.why).toBe(
    "a large request of 100000 bytes in the last 10 s: expected at least 65536 a second while others wait for room",
  );
  // It is new, and has its time.
  const young = begin(true);
  await move(5);
  expect(young.isCut).toBe(false);
  await move(5);
  expect(young.isCut).toBe(true);
});

test("nothing is looked at when nothing arrives, or the server has stopped", async () => {
  const { clock, stopped, slow, begin } = setUp();
  expect(clock.sleeperCount).toBe(0);
  slow.delete(begin());
  await clock.advance(5000);
  expect(clock.sleeperCount).toBe(0);
  begin();
  expect(clock.sleeperCount).toBe(1);
  stopped.abort();
  await clock.advance(5000);
  expect(clock.sleeperCount).toBe(0);
});
