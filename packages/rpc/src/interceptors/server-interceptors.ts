import type { Interceptor } from "@connectrpc/connect";
import type { Clock } from "@graft/core";
import type { Log } from "../log.ts";
import { readTokenInterceptor } from "./auth.ts";
import { deadlineInterceptor } from "./deadline.ts";
import { errorsInterceptor } from "./errors.ts";
import { type CallMetrics, metricsInterceptor } from "./metrics.ts";
import { requestLogInterceptor } from "./request-log.ts";

/** A unary call on a server at the very most: clients of v0.1 give up after 60 s. */
export const SERVER_DEADLINE_MS = 55_000;

export interface ServerInterceptorOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly callMetrics: CallMetrics;
  /** Ms; default `SERVER_DEADLINE_MS`. */
  readonly deadlineMs?: number | undefined;
  /** Run innermost, in order. */
  readonly interceptors?: readonly Interceptor[] | undefined;
}

/** What every server of ours wraps around its handlers, outermost first. */
export function serverInterceptors(options: ServerInterceptorOptions): Interceptor[] {
  const { log, clock } = options;
  return [
    metricsInterceptor(options.callMetrics),
    requestLogInterceptor(log, clock),
    errorsInterceptor(log),
    readTokenInterceptor(),
    deadlineInterceptor({ clock, timeoutMs: options.deadlineMs ?? SERVER_DEADLINE_MS }),
    ...(options.interceptors ?? []),
  ];
}
