import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { type OpenedObjectStore, openObjectStore } from "./open-object-store.ts";

const disk = new SimulatedDisk();

async function open(url: string): Promise<OpenedObjectStore> {
  return await openObjectStore(url, {
    env: { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" },
    fileSystem: disk,
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
  });
}

describe("opening a store by URL", () => {
  it("opens memory: and counts its requests", async () => {
    const { store, meter } = await open("memory:");
    await store.put("a", Uint8Array.of(1));
    expect(store.name).toBe("memory:");
    expect(meter.snapshot().put.requests).toBe(1);
  });

  it.each([
    ["file:./dir", "./dir/a/b"],
    ["file:dir", "dir/a/b"],
    ["file:/abs/dir/", "/abs/dir/a/b"],
    ["file:///abs/with%20space", "/abs/with space/a/b"],
  ])("opens %s with objects at %s", async (url, path) => {
    const { store } = await open(url);
    await store.put("a/b", Uint8Array.of(1, 2));
    expect(disk.stat(path)?.size).toBe(2);
  });

  it("opens s3: without sending anything, and does not show credentials in its name", async () => {
    const { store, meter } = await open("s3://bucket/pre?endpoint=http://127.0.0.1:1");
    expect(store.name).toBe("s3://bucket/pre");
    expect(meter.requestCount).toBe(0);
    await store.close();
  });

  it.each([
    ["", "unknown object store"],
    ["http://x", "unknown object store"],
    ["memory:x", "unknown object store"],
    ["file:", "names no folder"],
    ["file:///", "names no folder"],
    ["file://host/dir", "names a host"],
    ["file:./%zz", "is no URL"],
    ["s3://x", "no bucket name"],
  ])("refuses %j", async (url, message) => {
    await expect(open(url)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(open(url)).rejects.toThrow(message);
  });
});
