import type { Clock } from "../clock.ts";

/** Node's timers take 31 bits, and fire at once for anything above. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's clocks. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (ms <= 0) return await waitATurn();
    const endMs = performance.now() + ms;
    let restMs = ms;
    do {
      await waitOnce(Math.min(Math.max(0, restMs), TIMER_MS_MAX), signal);
      // A timer may fire up to 1 ms early.
      restMs = Math.ceil(endMs - performance.now());
    } while (restMs > 0);
  },
};

/** Lets others have their turn, and no more: the shortest timer takes a millisecond. */
function waitATurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Rejects with the signal's own reason. Not by `node:timers/promises`: most waits are time limits
 * that are aborted when the answer comes, and the error it makes for that takes longer than a call.
 */
function waitOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const leave = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve();
    }, ms);
    signal?.addEventListener("abort", leave, { once: true });
  });
}
