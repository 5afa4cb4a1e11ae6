import type { Clock } from "@graft/core";
import { unanswered } from "../interceptors/deadline.ts";

/** How many times within the limit calls are looked at: that much later they may end. */
const LOOKS = 50;

interface Running {
  readonly startMs: number;
  expire(): void;
}

/**
 * A time limit for calls that are over in microseconds: all share one timer, which would else be
 * dearer than the call. As `withinDeadline`, up to a fiftieth later.
 */
export class SharedDeadline {
  readonly #running = new Set<Running>();
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #stopped: AbortSignal;
  #isLooking = false;

  /** @param stopped ends the looking */
  constructor(clock: Clock, timeoutMs: number, stopped: AbortSignal) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#stopped = stopped;
  }

  /**
   * Does what a call asks for.
   *
   * @param controller the call's own: aborted when the time is over
   * @throws GraftError `unavailable` when it takes longer
   */
  run<T>(name: string, controller: AbortController, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const expire = (): void => {
        const error = unanswered(name, this.#timeoutMs);
        controller.abort(error);
        reject(error);
      };
      const running = { startMs: this.#clock.monotonicMs(), expire };
      this.#running.add(running);
      work().then(
        (value) => {
          this.#running.delete(running);
          resolve(value);
        },
        (error: unknown) => {
          this.#running.delete(running);
          reject(error);
        },
      );
      if (!this.#isLooking) void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#running.size > 0 && !this.#stopped.aborted) {
      await this.#clock.sleep(this.#timeoutMs / LOOKS, this.#stopped).catch(() => undefined);
      const endMs = this.#clock.monotonicMs() - this.#timeoutMs;
      for (const running of this.#running) {
        // In the order in which they began.
        if (running.startMs > endMs) break;
        this.#running.delete(running);
        running.expire();
      }
    }
    this.#isLooking = false;
  }
}
