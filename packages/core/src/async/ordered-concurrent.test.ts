import * as fc from "fast-check";
import { expect, test } from "vitest";
import { InvariantError } from "../assert.ts";
import { SimulatedClock, settle } from "../testing/simulated-clock.ts";
import { mapConcurrent, mapOrdered } from "./ordered-concurrent.ts";

test("results come in the order of the items, whatever the order they are ready in", async () => {
  const delays = fc.array(fc.nat({ max: 50 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(delays, fc.integer({ min: 1, max: 8 }), async (items, concurrency) => {
      const clock = new SimulatedClock({ mode: "auto" });
      let active = 0;
      const results = await mapConcurrent(items, { concurrency }, async (ms, at) => {
        expect(++active).toBeLessThanOrEqual(concurrency);
        await clock.sleep(ms);
        active--;
        return `${at}:${ms}`;
      });
      expect(results).toEqual(items.map((ms, at) => `${at}:${ms}`));
    }),
    { numRuns: 50 },
  );
});

test("items of an async source are started as they come, not when the source ends", async () => {
  const started: number[] = [];
  const gate = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<number> {
    yield 1;
    await gate.promise;
    yield 2;
  }
  const results = mapOrdered(source(), { concurrency: 4 }, async (item) => {
    started.push(item);
    return item * 10;
  });
  expect(await results.next()).toEqual({ done: false, value: 10 });
  expect(started).toEqual([1]);
  gate.resolve();
  expect(await results.next()).toEqual({ done: false, value: 20 });
  expect(await results.next()).toEqual({ done: true, value: undefined });
});

test("an endless source is taken from only as far as there is room", async () => {
  let takenCount = 0;
  function* endless(): Generator<number> {
    while (true) yield takenCount++;
  }
  const results = mapOrdered(endless(), { concurrency: 3 }, async (item) => item);
  expect((await results.next()).value).toBe(0);
  await settle();
  expect(takenCount).toBeLessThanOrEqual(5);
  await results.return();
});

test("results before a failure are delivered, then it is thrown, and nothing is left running", async () => {
  const clock = new SimulatedClock({ mode: "auto" });
  const aborted: number[] = [];
  let isClosed = false;
  function* source(): Generator<number> {
    try {
      for (let item = 0; ; item++) yield item;
    } finally {
      isClosed = true;
    }
  }
  const seen: number[] = [];
  const consume = async (): Promise<void> => {
    const results = mapOrdered(source(), { concurrency: 4 }, async (item, _, signal) => {
      if (item === 2) throw new Error("two is bad");
      signal.addEventListener("abort", () => aborted.push(item));
      await clock.sleep(item === 3 ? 100_000 : 10, signal);
      return item;
    });
    for await (const result of results) seen.push(result);
  };
  await expect(consume()).rejects.toThrow("two is bad");
  expect(seen).toEqual([0, 1]);
  expect(aborted).toContain(3);
  expect(clock.sleeperCount).toBe(0);
  expect(isClosed).toBe(true);
});

test("a source that fails fails the consumer, after what it gave before", async () => {
  function* source(): Generator<number> {
    yield 1;
    throw new Error("dried up");
  }
  const results = mapOrdered(source(), { concurrency: 2 }, async (item) => item);
  expect((await results.next()).value).toBe(1);
  await expect(results.next()).rejects.toThrow("dried up");
});

test("an aborted consumer gets its reason at once, and the items are aborted", async () => {
  const controller = new AbortController();
  let abortCount = 0;
  const whole = mapConcurrent(
    [1, 2, 3],
    { concurrency: 2, signal: controller.signal },
    (_, __, signal) =>
      new Promise<number>((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          abortCount++;
          reject(signal.reason);
        });
      }),
  );
  await Promise.all([expect(whole).rejects.toThrow("enough"), abortSoon()]);
  expect(abortCount).toBe(2);

  async function abortSoon(): Promise<void> {
    await settle();
    controller.abort(new Error("enough"));
  }
});

test("a consumer that stops early closes the source", async () => {
  let isClosed = false;
  async function* source(): AsyncGenerator<number> {
    try {
      for (let item = 0; ; item++) yield item;
    } finally {
      isClosed = true;
    }
  }
  for await (const result of mapOrdered(source(), { concurrency: 2 }, async (item) => item)) {
    if (result === 3) break;
  }
  expect(isClosed).toBe(true);
});

test("a concurrency of 0 is broken code", async () => {
  await expect(mapConcurrent([1], { concurrency: 0 }, async () => 1)).rejects.toThrow(
    InvariantError,
  );
});
