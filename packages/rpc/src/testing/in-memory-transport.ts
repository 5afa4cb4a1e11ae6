import {
  type ConnectRouter,
  createRouterTransport,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import { type Clock, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { createCallMetrics } from "../interceptors/metrics.ts";
import { serverInterceptors } from "../interceptors/server-interceptors.ts";
import { type Log, silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";

export interface InMemoryTransportOptions {
  /** Times deadlines and metrics; a simulated one makes them deterministic. */
  readonly clock: Clock;
  readonly log?: Log;
  readonly metrics?: MetricsRegistry;
  /** Wrapped around the client's calls, outermost first: faults go here. */
  readonly clientInterceptors?: readonly Interceptor[];
  /** Run inside the server's standard ones. */
  readonly serverInterceptors?: readonly Interceptor[];
}

/**
 * A transport that calls the routes in this process, without a port: every message is encoded and
 * decoded, errors and streams behave as on the network, and the server's standard interceptors run.
 */
export function createInMemoryTransport(
  routes: (router: ConnectRouter) => void,
  options: InMemoryTransportOptions,
): Transport {
  const { clock } = options;
  const callMetrics = createCallMetrics(options.metrics ?? new MetricsRegistry(), clock);
  return createRouterTransport(routes, {
    router: {
      readMaxBytes: REQUEST_BODY_SIZE_MAX,
      interceptors: serverInterceptors({
        clock,
        callMetrics,
        log: options.log ?? silentLog,
        interceptors: options.serverInterceptors,
      }),
    },
    transport: { interceptors: [...(options.clientInterceptors ?? [])] },
  });
}
