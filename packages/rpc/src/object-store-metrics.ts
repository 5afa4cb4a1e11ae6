import type { MetricsRegistry, Sample } from "./metrics.ts";

/** Totals of one kind of request to an object store. */
export interface OperationTotals {
  readonly requests: number;
  readonly failures: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * `graft_object_store_requests_total{operation}` counts every request to the store, retries
 * included; with it `…_failures_total{operation}` and `…_bytes_total{operation,direction}`.
 *
 * @param read the totals so far by operation, asked for whenever somebody looks
 */
export function registerObjectStoreMetrics(
  registry: MetricsRegistry,
  read: () => Readonly<Record<string, OperationTotals>>,
): void {
  const each = (pick: (totals: OperationTotals) => number): Sample[] =>
    Object.entries(read()).map(([operation, totals]) => ({
      labels: { operation },
      value: pick(totals),
    }));
  const prefix = "graft_object_store";
  registry.callback(
    "counter",
    `${prefix}_requests_total`,
    "Requests to the object store, retries included.",
    () => each((totals) => totals.requests),
  );
  registry.callback(
    "counter",
    `${prefix}_failures_total`,
    "Requests to the object store that ended in an error.",
    () => each((totals) => totals.failures),
  );
  registry.callback("counter", `${prefix}_bytes_total`, "Object bytes moved.", () => bytes(read()));
}

function bytes(totals: Readonly<Record<string, OperationTotals>>): Sample[] {
  return Object.entries(totals).flatMap(([operation, { sentBytes, receivedBytes }]) => [
    { labels: { operation, direction: "sent" }, value: sentBytes },
    { labels: { operation, direction: "received" }, value: receivedBytes },
  ]);
}
