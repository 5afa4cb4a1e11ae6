import { expect, test } from "vitest";
import { GraftError } from "../error.ts";
import { SeededRandom } from "../testing/seeded-random.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { backoffDelayMs, RETRY_AFTER_MAX_MS, type RetryOptions, retry } from "./retry.ts";

const unavailable = (details = {}): GraftError =>
  new GraftError("unavailable", "the server is away", { details });

function setUp(options: Partial<RetryOptions> = {}): {
  options: RetryOptions;
  clock: SimulatedClock;
  delays: number[];
} {
  const clock = new SimulatedClock({ mode: "auto" });
  const delays: number[] = [];
  const onRetry = ({ delayMs }: { delayMs: number }): void => void delays.push(delayMs);
  return { clock, delays, options: { clock, random: new SeededRandom(1), onRetry, ...options } };
}

test("a call that succeeds is made once", async () => {
  const { options, delays } = setUp();
  expect(await retry(options, async (attempt) => attempt)).toBe(1);
  expect(delays).toEqual([]);
});

test("a repeatable failure is tried again, after waits that double, jitter and stay under the cap", async () => {
  const policy = { attemptsMax: 7, firstDelayMs: 100, delayMaxMs: 1000 };
  const { options, delays, clock } = setUp({ policy });
  const start = clock.monotonicMs();
  const outcome = retry(options, async (attempt) => {
    if (attempt < 7) throw unavailable();
    return attempt;
  });
  expect(await outcome).toBe(7);
  const caps = [100, 200, 400, 800, 1000, 1000];
  expect(delays).toHaveLength(6);
  for (const [at, cap] of caps.entries()) {
    expect(delays[at]).toBeGreaterThanOrEqual(cap / 2);
    expect(delays[at]).toBeLessThanOrEqual(cap);
  }
  expect(clock.monotonicMs() - start).toBeCloseTo(delays.reduce((a, b) => a + b, 0));
});

test("two clients that failed together do not come back together", () => {
  const policy = { firstDelayMs: 1000, delayMaxMs: 1000 };
  const delays = [1, 2, 3, 4].map((seed) => backoffDelayMs(policy, 1, new SeededRandom(seed)));
  expect(new Set(delays).size).toBe(4);
});

test("the last error is thrown as it is when the attempts are used up", async () => {
  const { options } = setUp({ policy: { attemptsMax: 3, firstDelayMs: 1, delayMaxMs: 1 } });
  const errors: GraftError[] = [];
  const outcome = retry(options, async () => {
    errors.push(unavailable());
    throw errors.at(-1);
  });
  const thrown = await outcome.catch((error: unknown) => error);
  expect(errors).toHaveLength(3);
  expect(thrown).toBe(errors[2]);
});

test.each([
  ["a GraftError that must not be repeated", new GraftError("rejected", "the base moved")],
  ["an error of another kind", new TypeError("bug")],
])("%s is thrown at once", async (_, error) => {
  const { options, delays } = setUp();
  await expect(
    retry(options, async () => {
      throw error;
    }),
  ).rejects.toBe(error);
  expect(delays).toEqual([]);
});

test("isRepeatable decides in place of the error", async () => {
  const { options } = setUp({ isRepeatable: (error) => error instanceof TypeError });
  const outcome = retry(options, async (attempt) => {
    if (attempt === 1) throw new TypeError("socket");
    throw unavailable();
  });
  await expect(outcome).rejects.toThrow("the server is away");
});

test.each([
  [7_000, 7_000],
  [RETRY_AFTER_MAX_MS * 10, RETRY_AFTER_MAX_MS],
])("a server that asks for %d ms is given %d ms", async (retryAfterMs, expected) => {
  const { options, delays } = setUp();
  await retry(options, async (attempt) => {
    if (attempt === 1) throw unavailable({ retryAfterMs });
  });
  expect(delays).toEqual([expected]);
});

test("a nonsensical retryAfterMs is ignored", async () => {
  for (const retryAfterMs of [-5, Number.NaN, "soon"]) {
    const { options, delays } = setUp();
    await retry(options, async (attempt) => {
      if (attempt === 1) throw unavailable({ retryAfterMs });
    });
    expect(delays[0]).toBeLessThanOrEqual(100);
  }
});

test("an abort ends the wait with its reason, and no further call is made", async () => {
  const clock = new SimulatedClock();
  const controller = new AbortController();
  const { options } = setUp({ clock, signal: controller.signal });
  let callCount = 0;
  const outcome = retry(options, async () => {
    callCount++;
    throw unavailable();
  });
  await clock.advance(1);
  controller.abort(new Error("shut down"));
  await expect(outcome).rejects.toThrow("shut down");
  expect(callCount).toBe(1);
});
