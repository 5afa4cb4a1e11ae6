import type { Clock } from "@graft/core";
import type { MetricsRegistry } from "@graft/rpc";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { QueryPool } from "./query-pool.ts";

/**
 * Until a server starts the threads that it may never need, ms: it has other things to do first.
 */
const WARM_AFTER_MS = 1000;

/** A server's own pool: its threads are there before the first query, soon after the start. */
export function openQueryPool(means: {
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
}): QueryPool {
  const { clock, metrics } = means;
  const pool = new QueryPool({ loadEngine: loadNodeEngine, clock, metrics });
  pool.warmAfter(WARM_AFTER_MS);
  return pool;
}
