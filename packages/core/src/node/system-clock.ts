import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/** Node's timers take 31 bits, and fire at once for anything above. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's clocks. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const endMs = performance.now() + ms;
    let restMs = ms;
    do {
      await waitOnce(Math.min(Math.max(0, restMs), TIMER_MS_MAX), signal);
      // A timer may fire up to 1 ms early.
      restMs = Math.ceil(endMs - performance.now());
    } while (restMs > 0);
  },
};

/** Rejects with the signal's own reason instead of Node's AbortError. */
async function waitOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  try {
    await wait(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
