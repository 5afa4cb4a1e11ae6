import { type Clock, GraftError, orAborted } from "@graft/core";

/** What a check that waits is given. */
export interface DeadlineMeans {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Gives up after a while: a doctor that hangs helps nobody.
 *
 * @throws GraftError `unavailable`, naming what did not answer
 */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  { clock, signal }: DeadlineMeans,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const either = AbortSignal.any([signal, controller.signal]);
  const done = new AbortController();
  const timer = clock.sleep(timeoutMs, done.signal).then(
    () => {
      const late = `${what} did not answer within ${timeoutMs / 1000} s`;
      controller.abort(new GraftError("unavailable", late));
    },
    () => undefined,
  );
  try {
    return await orAborted(run(either), either);
  } finally {
    done.abort();
    await timer;
  }
}
