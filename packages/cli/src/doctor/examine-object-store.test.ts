import { GraftError } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { MemoryObjectStore, type ObjectStore } from "@graft/object-store";
import { describe, expect, it } from "vitest";
import { BuiltVolume } from "../testing/built-volume.ts";
import type { Check } from "./check.ts";
import { examineObjectStore } from "./examine-object-store.ts";

async function examine(store: ObjectStore, nowMs = 5_000): Promise<readonly Check[]> {
  const clock = new SimulatedClock({ startMs: nowMs });
  const { signal } = new AbortController();
  const checks: Check[] = [];
  const means = { clock, random: new SeededRandom(1), compute, signal };
  for await (const check of examineObjectStore(store, means)) checks.push(check);
  return checks;
}

async function keysOf(store: ObjectStore): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  return keys;
}

describe("the doctor looks at an object store", () => {
  it("and finds a good one good, and leaves nothing behind", async () => {
    const store = new MemoryObjectStore();
    const checks = await examine(store);
    expect(checks.map(({ name, status }) => `${name}: ${status}`)).toEqual([
      "store promises: ok",
      "store speed: ok",
      "store clock: ok",
      "commit times: ok",
    ]);
    expect(await keysOf(store)).toEqual([]);
  });

  it("and fails one that does not honour create-only writes", async () => {
    class Forgetful extends MemoryObjectStore {
      override async create(...[key, body]: Parameters<ObjectStore["create"]>) {
        await this.put(key, body);
        return "created" as const;
      }
    }
    const [check, ...more] = await examine(new Forgetful());
    expect(more).toEqual([]);
    expect(check).toMatchObject({
      status: "fail",
      found: expect.stringContaining("racing create-only writes won"),
    });
  });

  it("and fails one that cannot be reached, with what to check", async () => {
    class Away extends MemoryObjectStore {
      override async create(): Promise<never> {
        throw new GraftError("unavailable", "connection refused");
      }
    }
    expect(await examine(new Away())).toMatchObject([
      { status: "fail", found: "connection refused", advice: expect.stringContaining("AWS_*") },
    ]);
  });

  it("and warns of a clock that is off, and of commits from the future", async () => {
    class Ahead extends MemoryObjectStore {
      override serverTimeMs(): number {
        return 5_000 + 120_000;
      }
    }
    const checks = await examine(new Ahead());
    expect(checks.find(({ name }) => name === "store clock")).toMatchObject({ status: "warn" });
    const store = new MemoryObjectStore();
    const { volumeId } = await BuiltVolume.build(store);
    const [future] = (await examine(store, -700_000)).slice(-1);
    expect(future).toMatchObject({ name: "commit times", status: "warn" });
    expect(future?.found).toContain(volumeId);
  });
});
