import { InvariantError } from "@graft/core";
import { expect, test } from "vitest";
import { MetricsRegistry } from "./metrics.ts";
import { type EndedRequest, registerObjectStoreMetrics } from "./object-store-metrics.ts";
import { registerQueue } from "./queue-metrics.ts";
import { createReadTally } from "./read-metrics.ts";
import { parseExposition } from "./testing/parse-exposition.ts";

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
  registry.gauge("n", "N.").add({}, 1);
  registry.gauge("n", "N.").add({}, 1);
  expect(registry.render()).toContain("n 2");
  expect(() => registry.histogram("n", "N.")).toThrow(InvariantError);
  for (const name of ["no spaces", "Capital", "n_total", "n_count"]) {
    expect(() => registry.gauge(name, "N."), name).toThrow(InvariantError);
    expect(() => registry.callback("gauge", name, "N.", () => []), name).toThrow(InvariantError);
  }
  expect(() => registry.counter("n_counted", "N.")).toThrow(InvariantError);
});

test("a label that grows without bound does not grow the registry without bound", () => {
  const registry = new MetricsRegistry();
  const counter = registry.counter("n_total", "N.");
  for (let at = 0; at < 5000; at++) counter.add({ volume: String(at) });
  expect(registry.render().split("\n").length).toBeLessThan(1100);
});

test("requests to the object store are counted by operation and kind of object", () => {
  const registry = new MetricsRegistry();
  let tell: (request: EndedRequest) => void = () => undefined;
  const source = { listen: (listener: typeof tell) => (tell = listener) };
  registerObjectStoreMetrics(registry, source, (key) => key.split("/")[0] ?? "");
  const request = { operation: "get", key: "log/1", sentBytes: 0, receivedBytes: 10 };
  tell({ ...request, outcome: "ok", durationMs: 20 });
  tell({ ...request, outcome: "missing", receivedBytes: 0, durationMs: 1 });
  tell({ ...request, key: "head/1", outcome: "unavailable", receivedBytes: 0, durationMs: 1 });
  tell({ ...request, operation: "put", outcome: "ok", sentBytes: 99, durationMs: 1 });
  const text = registry.render();
  expect(() => parseExposition(text)).not.toThrow();
  const prefix = "graft_object_store";
  expect(text).toContain(`${prefix}_requests_total{operation="get",kind="log"} 2`);
  expect(text).toContain(`${prefix}_requests_total{operation="get",kind="head"} 1`);
  expect(text).toContain(`${prefix}_failures_total{operation="get",kind="head"} 1`);
  expect(text).not.toContain(`${prefix}_failures_total{operation="get",kind="log"}`);
  const bytes = `${prefix}_bytes_total{operation`;
  expect(text).toContain(`${bytes}="get",kind="log",direction="received"} 10`);
  expect(text).toContain(`${bytes}="put",kind="log",direction="sent"} 99`);
  expect(text).toContain(`${prefix}_seconds_count{operation="get"} 3`);
});

test("queues of all parts of a process are told together", () => {
  const registry = new MetricsRegistry();
  let waitingCount = 0;
  registerQueue(registry, "reads", () => ({ activeCount: 1, waitingCount }));
  registerQueue(registry, "writes", () => ({ activeCount: 2, waitingCount: 3 }));
  waitingCount = 7;
  const samples = parseExposition(registry.render()).get("graft_queue_waiting")?.samples;
  expect(samples?.map(({ labels, value }) => [labels.queue, value])).toEqual([
    ["reads", 7],
    ["writes", 3],
  ]);
});

test("what was needed is counted by where it was found", () => {
  const registry = new MetricsRegistry();
  const frame = createReadTally(registry, "frame");
  const commit = createReadTally(registry, "commit");
  for (const tier of ["memory", "memory", "disk", "object_store"] as const) frame(tier);
  commit("metastore");
  const samples = parseExposition(registry.render()).get("graft_reads_total")?.samples;
  expect(samples?.map(({ labels, value }) => [labels.what, labels.tier, value])).toEqual([
    ["frame", "memory", 2],
    ["frame", "disk", 1],
    ["frame", "object_store", 1],
    ["commit", "metastore", 1],
  ]);
});

test("what a text could be broken by is escaped", () => {
  const registry = new MetricsRegistry();
  registry.gauge("g", "Two\nlines, one \\.").set({ a: 'b"\\\n}' }, Number.NEGATIVE_INFINITY);
  const [sample] = parseExposition(registry.render()).get("g")?.samples ?? [];
  expect(sample).toEqual({
    name: "g",
    labels: { a: 'b"\\\n}' },
    value: Number.NEGATIVE_INFINITY,
  });
});
