import { describe, expect, test } from "vitest";
import type { Clock } from "../clock.ts";
import { inTurn, takeWholeTurn } from "./turn.ts";

/** A clock that only work moves, and whose rests are counted. */
class BusyClock implements Clock {
  now = 100;
  restCount = 0;
  readonly nowMs = (): number => this.now;
  readonly monotonicMs = (): number => this.now;

  async sleep(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.restCount++;
  }
}

async function work(clock: BusyClock, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    await inTurn(clock, () => {
      clock.now += 1;
    });
  }
}

describe("heavy work in turns", () => {
  test("rests after 5 ms of steps", async () => {
    const clock = new BusyClock();
    await work(clock, 5);
    expect(clock.restCount).toBe(0);
    await work(clock, 20);
    expect(clock.restCount).toBe(4);
  });

  test("shares a turn with all that goes by the same clock", async () => {
    const clock = new BusyClock();
    await Promise.all(Array.from({ length: 16 }, () => work(clock, 10)));
    expect(clock.restCount).toBe(31);
  });

  test("waits for nothing when nobody worked before", async () => {
    const clock = new BusyClock();
    for (let step = 0; step < 10; step++) {
      await work(clock, 3);
      clock.now += 5;
    }
    expect(clock.restCount).toBe(0);
  });

  test("lets nothing into a turn after a step that takes all of it", async () => {
    const clock = new BusyClock();
    const restsBefore: number[] = [];
    const steps = [1, 2, 3].map(async () => {
      await takeWholeTurn(clock);
      restsBefore.push(clock.restCount);
    });
    await Promise.all(steps);
    expect([...restsBefore, await inTurn(clock, () => clock.restCount)]).toEqual([0, 1, 2, 3]);
  });

  test("begins a step that takes all of a turn in a new one", async () => {
    const clock = new BusyClock();
    await work(clock, 3);
    await takeWholeTurn(clock);
    expect(clock.restCount).toBe(1);
  });

  test("is given a turn also where a look at the clock takes ms", async () => {
    const clock = new BusyClock();
    Object.defineProperty(clock, "monotonicMs", { value: () => (clock.now += 3) });
    await work(clock, 3);
    await takeWholeTurn(clock);
    await takeWholeTurn(clock);
    expect(clock.restCount).toBeGreaterThan(0);
  });

  test("ends with the signal", async () => {
    const gone = AbortSignal.abort(new Error("gone"));
    const step = (): never => expect.unreachable();
    await expect(inTurn(new BusyClock(), step, gone)).rejects.toThrow("gone");
    await expect(takeWholeTurn(new BusyClock(), gone)).rejects.toThrow("gone");
  });
});
