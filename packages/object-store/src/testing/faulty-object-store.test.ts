import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { MemoryObjectStore } from "../memory-object-store.ts";
import { objectStoreContract } from "./contract.ts";
import type { FaultRule } from "./fault-plan.ts";
import { FaultyObjectStore } from "./faulty-object-store.ts";

objectStoreContract("a faulty store in good weather", async () => {
  const { faulty } = build();
  return { store: faulty, open: async () => faulty };
});

function build(...rules: readonly FaultRule[]): {
  readonly faulty: FaultyObjectStore;
  readonly inner: MemoryObjectStore;
  readonly clock: SimulatedClock;
} {
  const inner = new MemoryObjectStore();
  const clock = new SimulatedClock({ mode: "auto" });
  return { faulty: new FaultyObjectStore(inner, rules, new SeededRandom(5), clock), inner, clock };
}

describe("a faulty store", () => {
  it("does nothing when it answers unavailable", async () => {
    const { faulty, inner } = build({ fault: { kind: "unavailable" } });
    await expect(faulty.put("a", Uint8Array.of(1))).rejects.toMatchObject({ code: "unavailable" });
    expect(await inner.get("a")).toBeUndefined();
  });

  it("asks to wait when it throttles", async () => {
    const { faulty } = build({ fault: { kind: "throttled", retryAfterMs: 70 } });
    const error = { code: "unavailable", details: { retryAfterMs: 70 } };
    await expect(faulty.get("a")).rejects.toMatchObject(error);
  });

  it("has done what it was asked when the reply is lost", async () => {
    const { faulty, inner } = build({ fault: { kind: "reply-lost" } });
    await expect(faulty.create("a", Uint8Array.of(1))).rejects.toMatchObject({
      code: "unavailable",
    });
    expect((await inner.get("a"))?.bytes).toEqual(Uint8Array.of(1));
  });

  it("lets a write land late, after another one", async () => {
    const { faulty, inner } = build({ fault: { kind: "lands-late", delayMs: 500 }, times: 1 });
    await expect(faulty.put("a", Uint8Array.of(1))).rejects.toMatchObject({ code: "unavailable" });
    await faulty.put("a", Uint8Array.of(2));
    expect((await inner.get("a"))?.bytes).toEqual(Uint8Array.of(2));
    await faulty.settled();
    expect((await inner.get("a"))?.bytes).toEqual(Uint8Array.of(1));
  });

  it("cuts and corrupts what is read, and leaves what is stored alone", async () => {
    const { faulty, inner } = build({ fault: { kind: "truncated" } });
    const body = new Uint8Array(100).fill(7);
    await inner.put("a", body);
    const cut = await faulty.get("a");
    expect(cut?.bytes.length).toBeLessThan(100);
    expect(cut?.size).toBe(100);
    faulty.setRules({ fault: { kind: "corrupted" } });
    const turned = (await faulty.get("a"))?.bytes ?? new Uint8Array(0);
    const differing = turned.filter((byte) => byte !== 7);
    expect(turned.length).toBe(100);
    expect(differing).toHaveLength(1);
    expect((await inner.get("a"))?.bytes).toEqual(body);
  });

  it("strikes by operation, key prefix, after a skip, so many times", async () => {
    const { faulty } = build({
      fault: { kind: "unavailable" },
      operations: ["put"],
      prefix: "log/",
      skip: 1,
      times: 2,
    });
    await faulty.put("other/1", Uint8Array.of(1));
    await faulty.get("log/1");
    await faulty.put("log/1", Uint8Array.of(1));
    await expect(faulty.put("log/2", Uint8Array.of(1))).rejects.toThrow();
    await expect(faulty.put("log/3", Uint8Array.of(1))).rejects.toThrow();
    await faulty.put("log/4", Uint8Array.of(1));
    expect(faulty.strikeCount).toBe(2);
  });

  it("takes its time, and may fail after it", async () => {
    const { faulty, clock } = build(
      { fault: { kind: "latency", minMs: 10, maxMs: 30 } },
      { fault: { kind: "unavailable" }, operations: ["head"] },
    );
    await faulty.get("a");
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(10);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(30);
    await expect(faulty.head("a")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("does the same again for the same seed", async () => {
    const run = async (): Promise<string> => {
      const { faulty } = build({ fault: { kind: "unavailable" }, probability: 0.5 });
      let history = "";
      for (let at = 0; at < 64; at++) {
        history += await faulty.get(`k${at}`).then(
          () => ".",
          () => "x",
        );
      }
      return history;
    };
    const history = await run();
    expect(await run()).toBe(history);
    expect(history).toMatch(/x.*\..*x/);
  });
});
