import { InvariantError } from "@graft/core";
import { expect, test } from "vitest";
import { MetricsRegistry } from "./metrics.ts";
import { registerObjectStoreMetrics } from "./object-store-metrics.ts";

test("counters and gauges are told apart by their labels", () => {
  const registry = new MetricsRegistry();
  const calls = registry.counter("calls_total", "Calls.");
  calls.add({ rpc: "a" });
  calls.add({ rpc: "a" }, 2);
  calls.add({ rpc: 'quo"te\\\n' });
  registry.gauge("open", "Open streams.").set({}, 7);
  expect(registry.render().split("\n")).toEqual([
    "# HELP calls_total Calls.",
    "# TYPE calls_total counter",
    'calls_total{rpc="a"} 3',
    'calls_total{rpc="quo\\"te\\\\\\n"} 1',
    "# HELP open Open streams.",
    "# TYPE open gauge",
    "open 7",
    "",
  ]);
});

test("a histogram counts each observation in every bucket that holds it", () => {
  const registry = new MetricsRegistry();
  const seconds = registry.histogram("seconds", "Time.", [0.1, 1]);
  for (const value of [0.1, 0.5, 5]) seconds.observe({ rpc: "a" }, value);
  expect(registry.render()).toContain(
    [
      'seconds_bucket{rpc="a",le="0.1"} 1',
      'seconds_bucket{rpc="a",le="1"} 2',
      'seconds_bucket{rpc="a",le="+Inf"} 3',
      'seconds_sum{rpc="a"} 5.6',
      'seconds_count{rpc="a"} 3',
    ].join("\n"),
  );
});

test("the same name is the same metric, and never another kind", () => {
  const registry = new MetricsRegistry();
  registry.counter("n", "N.").add({});
  registry.counter("n", "N.").add({});
  expect(registry.render()).toContain("n 2");
  expect(() => registry.histogram("n", "N.")).toThrow(InvariantError);
  expect(() => registry.gauge("no spaces", "N.")).toThrow(InvariantError);
});

test("a label that grows without bound does not grow the registry without bound", () => {
  const registry = new MetricsRegistry();
  const counter = registry.counter("n", "N.");
  for (let at = 0; at < 5000; at++) counter.add({ volume: String(at) });
  expect(registry.render().split("\n").length).toBeLessThan(1100);
});

test("requests to the object store are read when somebody looks", () => {
  const registry = new MetricsRegistry();
  let requests = 1;
  registerObjectStoreMetrics(registry, () => ({
    get: { requests, failures: 0, sentBytes: 0, receivedBytes: 10 },
    create: { requests: 2, failures: 1, sentBytes: 99, receivedBytes: 0 },
  }));
  requests = 5;
  const text = registry.render();
  expect(text).toContain('graft_object_store_requests_total{operation="get"} 5');
  expect(text).toContain('graft_object_store_failures_total{operation="create"} 1');
  expect(text).toContain('graft_object_store_bytes_total{operation="create",direction="sent"} 99');
});
