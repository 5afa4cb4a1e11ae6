import { SimulatedClock } from "@graft/core/testing";
import { expect, test } from "vitest";
import { SharedDeadline } from "./shared-deadline.ts";

function setUp() {
  const clock = new SimulatedClock();
  return { clock, deadline: new SharedDeadline(clock, 1000, new AbortController().signal) };
}

test("a call that takes too long is ended, as an unknown outcome, and told to stop", async () => {
  const { clock, deadline } = setUp();
  const controller = new AbortController();
  const call = deadline.run("x/Y", controller, () => new Promise<never>(() => {}));
  const outcome = expect(call).rejects.toMatchObject({ code: "unavailable" });
  await clock.advance(980);
  expect(controller.signal.aborted).toBe(false);
  await clock.advance(40);
  await outcome;
  expect(controller.signal.aborted).toBe(true);
});

test("a call that is answered, or fails, in time is left alone; then nothing is looked at", async () => {
  const { clock, deadline } = setUp();
  const controller = new AbortController();
  await expect(deadline.run("x/Y", controller, async () => 7)).resolves.toBe(7);
  const failing = deadline.run("x/Y", controller, async () => {
    throw new Error("of its own");
  });
  await expect(failing).rejects.toThrow("of its own");
  await clock.advance(5000);
  expect(controller.signal.aborted).toBe(false);
  expect(clock.sleeperCount).toBe(0);
});
