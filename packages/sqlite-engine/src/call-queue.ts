import { GraftError } from "@graft/core";

/** More calls than this waiting for one connection is a caller that does not await. */
export const QUEUED_CALLS_MAX = 100_000;

/**
 * Lets one call at a time into an instance, in the order of arrival. Two calls in flight would
 * share one C stack and return wrong rows without an error.
 */
export class CallQueue {
  readonly #waiting: (() => void)[] = [];
  #head = 0;
  #isBusy = false;
  #count = 0;

  /** Whether a call is in the instance. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Calls that entered so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Runs `task` when all earlier ones have ended. An aborted signal takes a waiting task out,
   * rejecting with its reason; a running one minds the signal itself.
   */
  async run<Result>(signal: AbortSignal | undefined, task: () => Promise<Result>): Promise<Result> {
    signal?.throwIfAborted();
    if (this.#isBusy) await this.#turn(signal);
    this.#isBusy = true;
    this.#count++;
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /**
   * Enters for something that does not wait, if nobody else is in the instance or waits for it.
   * Whoever entered leaves. What is called back into meanwhile finds the instance taken.
   */
  tryEnter(): boolean {
    if (this.#isBusy) return false;
    this.#isBusy = true;
    this.#count++;
    return true;
  }

  leave(): void {
    this.#next();
  }

  /** Resolves holding the turn: `#isBusy` stays true from one holder to the next. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length - this.#head >= QUEUED_CALLS_MAX) {
      throw new GraftError(
        "resource-exhausted",
        `${QUEUED_CALLS_MAX} calls are waiting for this connection; await some before issuing more`,
      );
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        const at = this.#waiting.indexOf(enter, this.#head);
        if (at === -1) return;
        this.#waiting.splice(at, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(enter);
    });
  }

  #next(): void {
    const enter = this.#waiting[this.#head];
    if (enter === undefined) {
      this.#waiting.length = 0;
      this.#head = 0;
      this.#isBusy = false;
      return;
    }
    this.#head++;
    // The front is given back in large pieces, so that a long queue costs no shifting.
    if (this.#head === 1024) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    enter();
  }
}
