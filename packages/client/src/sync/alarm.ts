import type { Clock } from "@graft/core";

/** Ends the timer of a wait that is over. Nobody hears of it, so one is enough. */
const OVER = new Error("the wait is over");

/** One sleeper, woken by the time or by what happens; a ring while it is awake is not lost. */
export class Alarm {
  readonly #clock: Clock;
  #hasRung = false;
  #resume: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#hasRung = true;
    this.#resume?.();
  }

  /** What has rung until now is no reason to end the next wait. */
  hush(): void {
    this.#hasRung = false;
  }

  /** Returns at `dueMs` (monotonic; Infinity: never), or when it rings, or has rung since. */
  async wait(dueMs: number): Promise<void> {
    if (!this.#hasRung) {
      const timer = new AbortController();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resume = resolve;
      if (dueMs < Number.POSITIVE_INFINITY) {
        const restMs = Math.max(0, dueMs - this.#clock.monotonicMs());
        this.#clock.sleep(restMs, timer.signal).then(resolve, () => undefined);
      }
      await promise;
      this.#resume = undefined;
      timer.abort(OVER);
    }
    this.#hasRung = false;
  }
}
