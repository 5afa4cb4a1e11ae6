import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { MemoryObjectStore } from "./memory-object-store.ts";
import { MeteredObjectStore } from "./metered-object-store.ts";
import type { ObjectStoreRequest } from "./request-meter.ts";
import { RetryingObjectStore } from "./retrying-object-store.ts";
import { objectStoreContract } from "./testing/contract.ts";
import { FaultyObjectStore } from "./testing/faulty-object-store.ts";

objectStoreContract("a metered store", async () => {
  const store = new MeteredObjectStore(new MemoryObjectStore(), new SimulatedClock());
  return { store, open: async () => store };
});

describe("a metered store", () => {
  it("counts requests and bytes by kind", async () => {
    const store = new MeteredObjectStore(new MemoryObjectStore(), new SimulatedClock());
    await store.put("a", [new Uint8Array(10), new Uint8Array(5)]);
    await store.create("b", new Uint8Array(7));
    await store.create("b", new Uint8Array(7));
    await store.get("a");
    await store.get("a", { range: { suffix: 4 } });
    await store.get("missing");
    await store.head("a");
    await store.delete("a");
    await Array.fromAsync(store.list(""));
    expect(store.meter.snapshot()).toEqual({
      get: { requests: 3, failures: 0, sentBytes: 0, receivedBytes: 19 },
      head: { requests: 1, failures: 0, sentBytes: 0, receivedBytes: 0 },
      put: { requests: 1, failures: 0, sentBytes: 15, receivedBytes: 0 },
      create: { requests: 2, failures: 0, sentBytes: 14, receivedBytes: 0 },
      delete: { requests: 1, failures: 0, sentBytes: 0, receivedBytes: 0 },
      list: { requests: 1, failures: 0, sentBytes: 0, receivedBytes: 0 },
    });
    expect(store.meter.requestCount).toBe(9);
  });

  it("tells its listeners how each request ended, and how long it took, until they leave", async () => {
    const clock = new SimulatedClock({ mode: "auto" });
    const latency = { fault: { kind: "latency", minMs: 20, maxMs: 20 } } as const;
    const faulty = new FaultyObjectStore(
      new MemoryObjectStore(),
      [latency, { fault: { kind: "unavailable" }, operations: ["head"] }],
      new SeededRandom(1),
      clock,
    );
    const store = new MeteredObjectStore(faulty, clock);
    const heard: ObjectStoreRequest[] = [];
    const leave = store.meter.listen((request) => heard.push(request));
    await store.create("a", new Uint8Array(1));
    await store.create("a", new Uint8Array(1));
    await store.get("missing");
    await expect(store.head("a")).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.get("a", { signal: AbortSignal.abort() })).rejects.toThrow();
    leave();
    await store.get("a");
    expect(heard.map(({ outcome }) => outcome)).toEqual([
      "ok",
      "exists",
      "missing",
      "unavailable",
      "aborted",
    ]);
    expect(heard[0]?.durationMs).toBe(20);
    expect(store.meter.snapshot().head.failures).toBe(1);
  });

  it("counts every try when it lies below the retries", async () => {
    const clock = new SimulatedClock({ mode: "auto" });
    const random = new SeededRandom(2);
    const rules = [{ fault: { kind: "unavailable" }, times: 2 }] as const;
    const faulty = new FaultyObjectStore(new MemoryObjectStore(), rules, random, clock);
    const metered = new MeteredObjectStore(faulty, clock);
    const store = new RetryingObjectStore(metered, { clock, random });
    await store.put("a", new Uint8Array(10));
    expect(metered.meter.snapshot().put).toMatchObject({ requests: 3, failures: 2, sentBytes: 30 });
  });
});
