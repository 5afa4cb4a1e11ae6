import { type Clock, type FileLock, type Random, randomUnit } from "@graft/core";

/**
 * Pause between two tries: 1 … 5 ms at first. Whoever has a lock mostly has it for less than that.
 * Later an eighth of the time waited: who has had it for long will have it for longer.
 */
const PAUSE_MS_MIN = 1;
const PAUSE_MS_MAX = 5;
const PAUSE_SHARE = 1 / 8;
/** Longest pause, ms: the lock of a process that died is taken up within it. */
const LONG_PAUSE_MS_MAX = 50;

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
  const startMs = clock.monotonicMs();
  const deadlineMs = startMs + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const lock = tryLock();
    if (lock !== undefined) return lock;
    const nowMs = clock.monotonicMs();
    if (nowMs >= deadlineMs) return undefined;
    const pauseMs = drawPauseMs(nowMs - startMs, random);
    await clock.sleep(Math.min(pauseMs, deadlineMs - nowMs), signal);
  }
}

function drawPauseMs(waitedMs: number, random: Random): number {
  const longestMs = Math.max(PAUSE_MS_MAX, Math.min(waitedMs * PAUSE_SHARE, LONG_PAUSE_MS_MAX));
  return PAUSE_MS_MIN + (longestMs - PAUSE_MS_MIN) * randomUnit(random);
}
