import { Runtime } from "@graft/client";
import { openNodeRemote } from "@graft/client/node";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import type { Check } from "./check.ts";
import { examineDataDirectory } from "./examine-directory.ts";

const random = new SeededRandom(2);
let disk: SimulatedDisk;

beforeEach(() => {
  disk = new SimulatedDisk();
});

function openRuntime(): Promise<Runtime> {
  // Never called: nothing is pushed.
  const remote = openNodeRemote({ url: "http://127.0.0.1:1" });
  const directory = { path: "/data", fileSystem: disk };
  return Runtime.open({ remote, clock: new SimulatedClock(), random, directory });
}

async function examine(freeBytes = 2 ** 40): Promise<Readonly<Record<string, Check>>> {
  const checks: Record<string, Check> = {};
  const means = { clock: new SimulatedClock(), random, fileSystem: disk.openProcess() };
  for await (const check of examineDataDirectory("/data", {
    ...means,
    freeBytes: () => freeBytes,
  })) {
    checks[check.name] = check;
  }
  return checks;
}

describe("the doctor looks at a data directory", () => {
  it("and finds a good one good, and leaves nothing behind", async () => {
    await (await openRuntime())[Symbol.asyncDispose]();
    const before = disk.list("/data");
    const checks = await examine();
    expect(Object.values(checks).map(({ name, status }) => `${name}: ${status}`)).toEqual([
      "data directory: ok",
      "directory identity: ok",
      "directory users: ok",
      "disk space: ok",
      "disk flush: ok",
    ]);
    expect(disk.list("/data")).toEqual(before);
  });

  it("and sees that another process uses it", async () => {
    await using _runtime = await openRuntime();
    expect((await examine())["directory users"]).toMatchObject({
      status: "ok",
      values: { users: 1 },
    });
  });

  it("and sees that it is an older state of itself, or is not watched", async () => {
    await (await openRuntime())[Symbol.asyncDispose]();
    await disk.writeWhole("/data.generation", [new TextEncoder().encode("9\n")], "replace");
    expect((await examine())["directory identity"]).toMatchObject({
      status: "warn",
      found: expect.stringContaining("generation 1 of 9"),
      values: { verdict: "restored" },
    });
    disk.remove("/data.generation");
    expect((await examine())["directory identity"]).toMatchObject({
      status: "ok",
      found: expect.stringContaining("is missing"),
    });
  });

  it("and warns of one that is not there, without making it", async () => {
    expect(await examine()).toMatchObject({
      "data directory": { status: "warn", advice: expect.stringContaining("graft clone") },
    });
    expect(disk.stat("/data")).toBeUndefined();
  });

  it("and fails a disk that is read-only, or full", async () => {
    await (await openRuntime())[Symbol.asyncDispose]();
    disk.isReadOnly = true;
    expect((await examine())["disk flush"]).toMatchObject({
      status: "fail",
      advice: expect.stringContaining("writable"),
    });
    disk.isReadOnly = false;
    disk.capacity = 0;
    expect((await examine())["disk flush"]).toMatchObject({ status: "fail" });
    expect(disk.list("/data")).toEqual(["directory.json", "lock", "processes"]);
  });

  it("and fails too little room, a damaged directory and a newer format", async () => {
    await (await openRuntime())[Symbol.asyncDispose]();
    expect((await examine(1000))["disk space"]).toMatchObject({ status: "fail" });
    const write = (text: string): Promise<boolean> =>
      disk.writeWhole("/data/directory.json", [new TextEncoder().encode(text)], "replace");
    await write("{");
    expect((await examine())["data directory"]).toMatchObject({ status: "fail" });
    await write(JSON.stringify({ format: "graft-data-directory", version: 99 }));
    expect((await examine())["data directory"]).toMatchObject({
      status: "fail",
      found: expect.stringContaining("format version 99"),
    });
  });
});
