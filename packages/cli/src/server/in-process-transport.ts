import { type ConnectRouter, createRouterTransport, type Transport } from "@connectrpc/connect";
import { REQUEST_BODY_SIZE_MAX } from "@graft/core";
import {
  createCallMetrics,
  type MetricsRegistry,
  type ServerInterceptorOptions,
  serverInterceptors,
} from "@graft/rpc";

/**
 * Calls services of this process without a port, through the same interceptors as on one. Its calls
 * are not counted among those of clients.
 */
export function createInProcessTransport(
  routes: (router: ConnectRouter) => void,
  options: Pick<ServerInterceptorOptions, "clock" | "log"> & { readonly metrics: MetricsRegistry },
): Transport {
  const { clock, log, metrics } = options;
  const callMetrics = createCallMetrics(metrics, clock);
  return createRouterTransport(routes, {
    router: {
      readMaxBytes: REQUEST_BODY_SIZE_MAX,
      interceptors: serverInterceptors({ log, clock, callMetrics }),
    },
  });
}
