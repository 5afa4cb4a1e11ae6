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
  const { clock, timeoutMs } = options;
  return (next) => async (request) => {
    if (request.stream) return next(request);
    const timer = new AbortController();
    const call = linkAbort(request.signal);
    const timeout = clock.sleep(timeoutMs, timer.signal).then(() => {
      const error = new GraftError(
        "unavailable",
        `${rpcName(request)} was not answered within ${timeoutMs} ms: the outcome is unknown, ` +
          "repeat the request",
      );
      call.controller.abort(error);
      throw error;
    });
    try {
      const { signal } = call.controller;
      return await Promise.race([next({ ...request, signal }), timeout]);
    } finally {
      call.release();
      timer.abort(ANSWERED);
      timeout.catch(() => undefined);
    }
  };
}
