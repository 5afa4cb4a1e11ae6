import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { MemoryObjectStore } from "./memory-object-store.ts";
import { MeteredObjectStore } from "./metered-object-store.ts";
import { RetryingObjectStore } from "./retrying-object-store.ts";
import { objectStoreContract } from "./testing/contract.ts";
import type { FaultRule } from "./testing/fault-plan.ts";
import { FaultyObjectStore } from "./testing/faulty-object-store.ts";

function build(rules: readonly FaultRule[]): {
  readonly store: RetryingObjectStore;
  readonly faulty: FaultyObjectStore;
  readonly metered: MeteredObjectStore;
  readonly clock: SimulatedClock;
} {
  const clock = new SimulatedClock({ mode: "auto" });
  const random = new SeededRandom(3);
  const faulty = new FaultyObjectStore(new MemoryObjectStore(), rules, random, clock);
  const metered = new MeteredObjectStore(faulty, clock);
  return { store: new RetryingObjectStore(metered, { clock, random }), faulty, metered, clock };
}

objectStoreContract("a retrying store in bad weather that no create sees", async () => {
  const operations = ["get", "head", "put", "delete", "list"] as const;
  const { store } = build([
    { fault: { kind: "unavailable" }, operations, probability: 0.2 },
    { fault: { kind: "reply-lost" }, operations, probability: 0.1 },
  ]);
  return { store, open: async () => store };
});

describe("a retrying store", () => {
  it("repeats get, head, put, delete and list after unavailable, with delays between", async () => {
    const { store, faulty, clock } = build([]);
    const struckTwice = { fault: { kind: "unavailable" }, times: 2 } as const;
    await store.put("a", Uint8Array.of(1));
    const startMs = clock.monotonicMs();
    faulty.setRules(struckTwice);
    expect((await store.get("a"))?.size).toBe(1);
    faulty.setRules(struckTwice);
    expect(await store.head("a")).toEqual({ size: 1 });
    faulty.setRules(struckTwice);
    expect(await Array.fromAsync(store.list(""))).toEqual([{ key: "a", size: 1 }]);
    faulty.setRules(struckTwice);
    await store.put("a", Uint8Array.of(2));
    faulty.setRules({ fault: { kind: "reply-lost" }, times: 1 });
    await store.delete("a");
    expect(await store.get("a")).toBeUndefined();
    expect(clock.monotonicMs() - startMs).toBeGreaterThan(500);
  });

  it("never repeats a create, landed or not", async () => {
    const { store, faulty, metered } = build([{ fault: { kind: "unavailable" } }]);
    await expect(store.create("a", Uint8Array.of(1))).rejects.toMatchObject({
      code: "unavailable",
    });
    faulty.setRules({ fault: { kind: "reply-lost" } });
    await expect(store.create("a", Uint8Array.of(1))).rejects.toMatchObject({
      code: "unavailable",
    });
    expect(metered.meter.snapshot().create.requests).toBe(2);
    faulty.setRules();
    expect(await store.create("a", Uint8Array.of(1))).toBe("exists");
  });

  it("gives up after its tries with the last error", async () => {
    const { store, metered } = build([{ fault: { kind: "unavailable" } }]);
    await expect(store.get("a")).rejects.toMatchObject({ code: "unavailable" });
    expect(metered.meter.snapshot().get.requests).toBe(5);
  });

  it("does not repeat what cannot get better", async () => {
    const { store, metered } = build([]);
    await expect(store.get("no key")).rejects.toMatchObject({ code: "invalid-argument" });
    expect(metered.meter.snapshot().get.requests).toBe(1);
  });

  it("stops waiting when it is aborted", async () => {
    const clock = new SimulatedClock();
    const random = new SeededRandom(4);
    const rules = [{ fault: { kind: "unavailable" } }] as const;
    const faulty = new FaultyObjectStore(new MemoryObjectStore(), rules, random, clock);
    const store = new RetryingObjectStore(faulty, { clock, random });
    const controller = new AbortController();
    const got = store.get("a", { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(got).rejects.toThrow("enough");
  });
});
