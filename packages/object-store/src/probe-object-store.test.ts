import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { MemoryObjectStore } from "./memory-object-store.ts";
import type { ObjectBody, StoredObject } from "./object-store.ts";
import { probeObjectStore } from "./probe-object-store.ts";
import { FaultyObjectStore } from "./testing/faulty-object-store.ts";

class OverwritingStore extends MemoryObjectStore {
  override async create(key: string, body: ObjectBody): Promise<"created" | "exists"> {
    await this.put(key, body);
    return "created";
  }
}

/** Looks before it writes, and lets others write in between. */
class LookingStore extends MemoryObjectStore {
  override async create(key: string, body: ObjectBody): Promise<"created" | "exists"> {
    if ((await this.head(key)) !== undefined) return "exists";
    await Promise.resolve();
    await this.put(key, body);
    return "created";
  }
}

class ForgetfulStore extends MemoryObjectStore {
  override async get(): Promise<StoredObject | undefined> {
    return undefined;
  }
}

class RangelessStore extends MemoryObjectStore {
  override async get(key: string): Promise<StoredObject | undefined> {
    return await super.get(key);
  }
}

describe("the start-up probe", () => {
  it("accepts a store that keeps its promises, and leaves nothing behind", async () => {
    const store = new MemoryObjectStore();
    await probeObjectStore(store, new SeededRandom(1));
    expect(await Array.fromAsync(store.list(""))).toEqual([]);
  });

  it.each([
    ["replaces objects", new OverwritingStore(), "4 of 4 racing create-only writes won"],
    ["loses races", new LookingStore(), "racing create-only writes won"],
    ["does not read its own writes", new ForgetfulStore(), "is not there"],
    ["ignores ranges", new RangelessStore(), "range of an object reads back"],
  ])("refuses a store that %s", async (_, store, message) => {
    const probe = probeObjectStore(store, new SeededRandom(1));
    await expect(probe).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(probe).rejects.toThrow(message);
  });

  it("passes on that a store cannot be reached", async () => {
    const rules = [{ fault: { kind: "unavailable" } }] as const;
    const inner = new MemoryObjectStore();
    const store = new FaultyObjectStore(inner, rules, new SeededRandom(1), new SimulatedClock());
    const probe = probeObjectStore(store, new SeededRandom(1));
    await expect(probe).rejects.toMatchObject({ code: "unavailable" });
  });
});
