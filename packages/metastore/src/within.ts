import { type Clock, GraftError } from "@graft/core";

/** Why a timer is stopped. One for all: making an error with its stack is dear. */
const ANSWERED = new Error("answered in time");

/**
 * Runs a call with a time limit: its signal is aborted, and this rejects, also when the call
 * ignores the signal.
 *
 * @param what names the call in the error
 * @throws GraftError `unavailable` when the time is over: whatever was asked for may still happen
 */
export async function within<T>(
  clock: Clock,
  timeoutMs: number,
  what: string,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = new AbortController();
  const timeout = clock.sleep(Math.max(0, timeoutMs), timer.signal).then(() => {
    const error = new GraftError("unavailable", `${what} got no answer within ${timeoutMs} ms`);
    late.abort(error);
    throw error;
  });
  try {
    return await Promise.race([call(late.signal), timeout]);
  } finally {
    timer.abort(ANSWERED);
    // Answered in time: what the aborted timer says is heard by nobody else.
    timeout.catch(() => undefined);
  }
}
