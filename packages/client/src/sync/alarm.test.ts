import { SimulatedClock } from "@graft/core/testing";
import { expect, it } from "vitest";
import { Alarm } from "./alarm.ts";

/** When a wait for 100 ms ends, ms from now. */
async function waited(alarm: Alarm, clock: SimulatedClock): Promise<number> {
  const startMs = clock.monotonicMs();
  let endMs: number | undefined;
  const over = alarm.wait(startMs + 100).then(() => {
    endMs = clock.monotonicMs();
  });
  await clock.advance(30);
  if (endMs === undefined) alarm.ring();
  await over;
  return (endMs ?? Number.NaN) - startMs;
}

it("a ring ends the next wait, and no other", async () => {
  const clock = new SimulatedClock();
  const alarm = new Alarm(clock);
  alarm.ring();
  expect(await waited(alarm, clock)).toBe(0);
  expect(await waited(alarm, clock)).toBe(30);
});

it("what rang before a hush ends no wait: what fails and rings itself does not run hot", async () => {
  const clock = new SimulatedClock();
  const alarm = new Alarm(clock);
  alarm.ring();
  alarm.hush();
  expect(await waited(alarm, clock)).toBe(30);
});
