import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Clock } from "@graft/core";
import type { Labels, MetricsRegistry } from "../metrics.ts";
import { observeCall, rpcName } from "./observe-call.ts";

/** Records how calls end. The raw v0.1 routes report through the same names. */
export interface CallMetrics {
  start(rpc: string): { end(code: string): void };
}

/**
 * `graft_rpc_requests_total{rpc,code}`, `graft_rpc_seconds{rpc}` (a stream counts from its opening
 * to its end) and `graft_rpc_active{rpc}`.
 */
export function createCallMetrics(registry: MetricsRegistry, clock: Clock): CallMetrics {
  const total = registry.counter("graft_rpc_requests_total", "Calls answered, by outcome.");
  const seconds = registry.histogram("graft_rpc_seconds", "Time from request to end of answer.");
  const active = registry.gauge("graft_rpc_active", "Calls being answered now.");
  // The same objects for each call: their text is then made once.
  const labels = new Map<string, RpcLabels>();
  return {
    start(rpc) {
      const startMs = clock.monotonicMs();
      const known = labels.get(rpc) ?? { ofRpc: { rpc }, ofCode: new Map<string, Labels>() };
      if (known.ofCode.size === 0) labels.set(rpc, known);
      active.add(known.ofRpc, 1);
      return {
        end(code) {
          const ofCode = known.ofCode.get(code) ?? { rpc, code };
          known.ofCode.set(code, ofCode);
          active.add(known.ofRpc, -1);
          total.add(ofCode);
          seconds.observe(known.ofRpc, (clock.monotonicMs() - startMs) / 1000);
        },
      };
    },
  };
}

/** Of one RPC, and of each way in which its calls end. */
interface RpcLabels {
  readonly ofRpc: Labels;
  readonly ofCode: Map<string, Labels>;
}

/** Counts and times every call. */
export function metricsInterceptor(metrics: CallMetrics): Interceptor {
  return (next) => (request) => {
    const call = metrics.start(rpcName(request));
    return observeCall(next, request, { onEnd: (error) => call.end(codeName(error)) });
  };
}

/** How a call ended, as metrics name it. */
export function codeName(error: unknown): string {
  if (error === undefined) return "ok";
  return error instanceof ConnectError ? Code[error.code] : "Unknown";
}
