import type { Clock } from "@graft/core";
import type { MetricsRegistry } from "@graft/rpc";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { QueryPool } from "./query-pool.ts";

/**
 * A server's own pool. Its threads start when a client opens a database, or sends a query: a server
 * that is asked for neither pays nothing for them.
 */
export function openQueryPool(means: {
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
}): QueryPool {
  const { clock, metrics } = means;
  return new QueryPool({ loadEngine: loadNodeEngine, clock, metrics });
}
