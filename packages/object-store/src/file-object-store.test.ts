import { SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { FileObjectStore } from "./file-object-store.ts";
import { objectStoreContract } from "./testing/contract.ts";

const root = "data/store";

objectStoreContract("file: on a simulated disk", async () => {
  const disk = new SimulatedDisk();
  return {
    store: new FileObjectStore({ root, fileSystem: disk }),
    open: async () => new FileObjectStore({ root, fileSystem: disk.openProcess() }),
  };
});

describe("file: after a power loss", () => {
  it("has every object that was acknowledged, in folders that were new", async () => {
    for (let round = 0; round < 50; round++) {
      const disk = new SimulatedDisk();
      const store = new FileObjectStore({ root, fileSystem: disk });
      await store.put("volumes/v/head", Uint8Array.of(1));
      expect(await store.create("volumes/v/log/1", Uint8Array.of(2))).toBe("created");
      disk.crash(0);
      const again = new FileObjectStore({ root, fileSystem: disk.openProcess() });
      expect((await again.get("volumes/v/head"))?.bytes).toEqual(Uint8Array.of(1));
      expect((await again.get("volumes/v/log/1"))?.bytes).toEqual(Uint8Array.of(2));
    }
  });

  it("has an object that only answered exists, when its maker died before syncing its name", async () => {
    const disk = new SimulatedDisk();
    const store = new FileObjectStore({ root, fileSystem: disk });
    await store.put("log/0", Uint8Array.of(0));
    // What the maker left: a synced file under a name that was not synced.
    const file = disk.open(`${root}/log/1`, "create-new");
    file.write(Uint8Array.of(1), 0);
    file.sync();
    file.close();
    expect(await store.create("log/1", Uint8Array.of(2))).toBe("exists");
    disk.crash(0);
    const again = new FileObjectStore({ root, fileSystem: disk.openProcess() });
    expect((await again.get("log/1"))?.bytes).toEqual(Uint8Array.of(1));
  });

  it("never lists or reads what a dying write left behind", async () => {
    const disk = new SimulatedDisk();
    const store = new FileObjectStore({ root, fileSystem: disk });
    await store.put("log/1", Uint8Array.of(1));
    disk.open(`${root}/log/2.17-1.tmp`, "create-new").close();
    const keys = (await Array.fromAsync(store.list(""))).map(({ key }) => key);
    expect(keys).toEqual(["log/1"]);
  });
});
