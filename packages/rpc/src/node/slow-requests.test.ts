import { SimulatedClock } from "@graft/core/testing";
import { expect, test } from "vitest";
import { SlowRequests } from "./slow-requests.ts";

function setUp() {
  const clock = new SimulatedClock();
  const stopped = new AbortController();
  const slow = new SlowRequests(clock, stopped.signal);
  const begin = () => {
    const request = {
      read: 0,
      startMs: clock.monotonicMs(),
      isCut: false,
      isDropped: false,
      cut: () => {
        request.isCut = true;
      },
      drop: () => {
        request.isDropped = true;
      },
    };
    slow.add(request);
    return request;
  };
  return { clock, stopped, slow, begin };
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
