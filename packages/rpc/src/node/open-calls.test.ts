import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { OpenCalls } from "./open-calls.ts";

test("all that are open end with the signal, for its reason; it has one listener", () => {
  const stopped = new AbortController();
  const calls = new OpenCalls(stopped.signal);
  const [first, over, ...others] = Array.from({ length: 100 }, () => calls.open());
  expect(getEventListeners(stopped.signal, "abort")).toHaveLength(1);
  if (over !== undefined) calls.close(over);
  stopped.abort("stopped");
  expect([first, ...others].every((call) => call?.signal.reason === "stopped")).toBe(true);
  expect(over?.signal.aborted).toBe(false);
  expect(calls.open().signal.reason).toBe("stopped");
});
