import type { Interceptor } from "@connectrpc/connect";
import { type Clock, GraftError } from "@graft/core";
import { linkAbort } from "../link-abort.ts";
import { rpcName } from "./observe-call.ts";

/** Why a timer is stopped. One for all: making an error with its stack takes longer than a call. */
const ANSWERED = new Error("answered in time");

/**
 * Ends a unary call that takes longer, on either side: its signal is aborted and the caller is told
 * `unavailable`, also when the callee ignores the signal. Streams have heartbeats instead. The
 * outcome of a write that ends so is unknown.
 */
export function deadlineInterceptor(options: {
  readonly clock: Clock;
  readonly timeoutMs: number;
}): Interceptor {
  return (next) => async (request) => {
    if (request.stream) return next(request);
    const call = { ...options, name: rpcName(request), signal: request.signal };
    return await withinDeadline(call, (signal) => next({ ...request, signal }));
  };
}

/** Does what a call asks for. @throws GraftError `unavailable` when it takes longer */
export async function withinDeadline<T>(
  call: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly name: string;
    readonly signal: AbortSignal;
  },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, timeoutMs, name } = call;
  const timer = new AbortController();
  const { controller, release } = linkAbort(call.signal);
  const timeout = clock.sleep(timeoutMs, timer.signal).then(() => {
    const error = unanswered(name, timeoutMs);
    controller.abort(error);
    throw error;
  });
  try {
    return await Promise.race([work(controller.signal), timeout]);
  } finally {
    release();
    timer.abort(ANSWERED);
    timeout.catch(() => undefined);
  }
}

/** What a call ends with that took too long. */
export function unanswered(name: string, timeoutMs: number): GraftError {
  return new GraftError(
    "unavailable",
    `${name} was not answered within ${timeoutMs} ms: the outcome is unknown, repeat the request`,
  );
}
