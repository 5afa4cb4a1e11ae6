import { type Clock, type FileLock, type Random, randomUnit } from "@graft/core";

/** Pause between two tries: 1 … 5 ms. Whoever has a lock mostly has it for less than that. */
const PAUSE_MS_MIN = 1;
const PAUSE_MS_MAX = 5;

export interface LockWait {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the waiting with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Default: for ever. */
  readonly timeoutMs?: number;
}

/**
 * Tries to take a lock that other processes share until it is granted. No lock of the kernel's can
 * be waited for without blocking the event loop, so it is asked for again and again.
 *
 * @returns undefined when the time is over
 */
export async function waitForLock(
  tryLock: () => FileLock | undefined,
  { clock, random, signal, timeoutMs = Number.POSITIVE_INFINITY }: LockWait,
): Promise<FileLock | undefined> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const lock = tryLock();
    if (lock !== undefined) return lock;
    if (clock.monotonicMs() >= deadlineMs) return undefined;
    const pauseMs = PAUSE_MS_MIN + (PAUSE_MS_MAX - PAUSE_MS_MIN) * randomUnit(random);
    await clock.sleep(pauseMs, signal);
  }
}
