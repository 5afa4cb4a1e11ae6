import { createVolumeId, type FileSystem } from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { DataDirectory } from "./data-directory.ts";
import { judgeIdentity } from "./directory/directory-identity.ts";

const PATH = "/clients/data";
const random = new SeededRandom(1);
const clock = new SimulatedClock({ mode: "auto" });
let disk: SimulatedDisk;

beforeEach(() => {
  disk = new SimulatedDisk({ random });
});

function open(fileSystem: FileSystem = disk, path = PATH): Promise<DataDirectory> {
  return DataDirectory.open(path, { fileSystem, clock, random });
}

/** `cp -r`: lock files are empty, and so are their copies. */
async function copyTree(from: string, to: string): Promise<void> {
  if (disk.stat(from)?.kind === "file") {
    await disk.writeWhole(to, [(await disk.readWhole(from)) ?? new Uint8Array()], "replace");
    return;
  }
  disk.makeDirectory(to);
  for (const name of disk.list(from) ?? []) await copyTree(`${from}/${name}`, `${to}/${name}`);
}

/** Opens, does something, closes. */
async function visit<T>(path = PATH, use?: (directory: DataDirectory) => Promise<T> | T) {
  const directory = await open(disk, path);
  const result = await use?.(directory);
  const { clientId, succeeds } = directory;
  await directory.close();
  return { clientId, succeeds, result };
}

describe("many processes on one data directory", () => {
  it("see what the others remember, and overwrite nothing of it", async () => {
    const [a, b] = [await open(), await open(disk.openProcess())];
    const ids = Array.from({ length: 6 }, () => createVolumeId({ clock, random }));
    await Promise.all(
      ids.map((id, at) => (at % 2 === 0 ? a : b).createVolume(id, `t${at}`, async () => undefined)),
    );
    for (const one of [a, b]) {
      expect([...one.volumes.keys()].sort()).toEqual([...ids].sort());
      expect(one.tags.get("t3")).toBe(ids[3]);
      expect(one.clientId).toBe(a.clientId);
    }
  });

  it("make one volume of one tag, however many try at once", async () => {
    const all = await Promise.all([0, 1, 2, 3].map(() => open(disk.openProcess())));
    let made = 0;
    const named = await Promise.all(
      all.map((each) => {
        const id = createVolumeId({ clock, random });
        return each.createVolume(id, "main", async () => {
          made++;
        });
      }),
    );
    expect(new Set(named).size).toBe(1);
    expect(made).toBe(1);
    expect([...(all[0]?.volumes.keys() ?? [])]).toEqual([named[0]]);
  });

  it("have temporary files of their own; those of a dead one go with the next", async () => {
    const [a, dying] = [await open(), disk.openProcess()];
    const b = await open(dying);
    for (const { temporaryPath } of [a, b]) {
      disk.makeDirectory(temporaryPath);
      disk.open(`${temporaryPath}/x.spill`, "create").close();
    }
    dying.kill();
    const c = await open(disk.openProcess());
    expect(c.temporaryPath).toBe(b.temporaryPath);
    expect(disk.list(`${PATH}/tmp`)).toEqual([a.temporaryPath.split("/").at(-1)]);
    await a.close();
    await c.close();
    expect(disk.list(`${PATH}/tmp`)).toEqual([]);
  });

  it("wait for an older program or a check, and then say so", async () => {
    await visit();
    const lock = disk.lock(`${PATH}/lock`);
    await expect(open(disk.openProcess())).rejects.toMatchObject({ code: "busy" });
    const opening = open(disk.openProcess());
    lock?.close();
    await (await opening).close();
  });

  it("change nothing when one of them fails in the middle of a change", async () => {
    const before = await visit();
    const dying = disk.openProcess();
    const b = await open(dying);
    const failing = b.createVolume(createVolumeId({ clock, random }), "main", async () => {
      dying.kill();
      disk.open(`${PATH}/directory.json.7.tmp`, "create").close();
      throw new Error("dead");
    });
    await expect(failing).rejects.toThrow("dead");
    const { clientId, result } = await visit(PATH, (directory) => directory.tags.size);
    expect([clientId, result]).toEqual([before.clientId, 0]);
    expect(disk.list(PATH)?.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("a data directory that was copied or restored", () => {
  it("keeps its client id when it is opened again, renamed, or cut off at any moment", async () => {
    const { clientId } = await visit();
    expect(await visit()).toMatchObject({ clientId, succeeds: undefined });
    disk.rename(PATH, "/clients/moved");
    expect(await visit("/clients/moved")).toMatchObject({ clientId, succeeds: undefined });
    disk.rename("/clients/moved", PATH);
    disk.syncDirectory("/clients");
    for (let nth = 1; nth < 40; nth++) {
      disk.inject({ operation: "change", nth, reason: "power-loss" });
      await visit().catch(() => undefined);
      disk.clearFaults();
      disk.crash();
      expect(await visit(), `call ${nth}`).toMatchObject({ clientId, succeeds: undefined });
    }
  });

  it("takes a new client id as a copy, for good, and the original keeps its own", async () => {
    const { clientId } = await visit();
    await copyTree(PATH, "/clients/copy");
    const copy = await visit("/clients/copy");
    expect(copy.clientId).not.toBe(clientId);
    expect(copy.succeeds).toMatchObject({ reason: "copied", clientId });
    expect((await visit("/clients/copy")).clientId).toBe(copy.clientId);
    expect((await visit()).clientId).toBe(clientId);
  });

  it("takes a new client id each time an older state is put in its place", async () => {
    const { clientId } = await visit();
    const backup = (await disk.readWhole(`${PATH}/directory.json`)) ?? new Uint8Array();
    const seen = new Set([clientId]);
    for (let times = 0; times < 3; times++) {
      await visit();
      await disk.writeWhole(`${PATH}/directory.json`, [backup], "replace");
      const restored = await visit();
      expect(restored.succeeds).toMatchObject({ reason: "restored", clientId });
      expect(seen).not.toContain(restored.clientId);
      seen.add(restored.clientId);
      expect(await visit()).toMatchObject({ clientId: restored.clientId });
    }
  });

  it("is noticed as a copy when the generation came along", async () => {
    const { clientId } = await visit();
    await copyTree(PATH, "/clients/copy");
    await copyTree(`${PATH}.generation`, "/clients/copy.generation");
    expect((await visit("/clients/copy")).succeeds).toMatchObject({ reason: "copied", clientId });
  });

  it("leaves a prepared push under the id that it was prepared with, volume by volume", async () => {
    const ids = [0, 1].map(() => createVolumeId({ clock, random }));
    const [one, two] = ids;
    if (one === undefined || two === undefined) throw new Error("two ids");
    const { clientId } = await visit(PATH, async (directory) => {
      for (const id of ids) await directory.addVolume(id, "created");
    });
    await copyTree(PATH, "/clients/copy");
    await copyTree("/clients/copy", "/clients/other");
    const copy = await open(disk, "/clients/other");
    expect([copy.clientIdOf(one), copy.clientIdOf(two)]).toEqual([clientId, clientId]);
    await copy.resolveVolume(one);
    expect(copy.clientIdOf(one)).toBe(copy.clientId);
    expect(copy.clientIdOf(two)).toBe(clientId);
    const another = await open(disk.openProcess(), "/clients/other");
    expect(another.clientIdOf(one)).toBe(copy.clientId);
    expect(another.clientIdOf(two)).toBe(clientId);
  });

  it("is judged by a table", () => {
    const recorded = { identity: "1:2", generation: 5 };
    const judge = (identity: string, generationBeside: number | undefined): string =>
      judgeIdentity(recorded, { identity, generationBeside });
    expect(judge("1:2", 5)).toBe("same");
    expect(judge("1:2", 4)).toBe("same");
    expect(judge("1:2", undefined)).toBe("same");
    expect(judge("1:2", 6)).toBe("restored");
    expect(judge("1:3", 5)).toBe("copied");
    expect(judge("1:3", undefined)).toBe("copied");
    expect(judgeIdentity({ identity: undefined, generation: 0 }, found())).toBe("same");
  });
});

function found() {
  return { identity: "1:2", generationBeside: undefined };
}

it("a data directory of version 1 is taken over as it is, and one of version 3 is refused", async () => {
  const { clientId } = await visit();
  const text = new TextDecoder().decode(await disk.readWhole(`${PATH}/directory.json`));
  const first = { ...JSON.parse(text), version: 1, generation: undefined, identity: undefined };
  const write = (value: unknown): Promise<boolean> =>
    disk.writeWhole(
      `${PATH}/directory.json`,
      [new TextEncoder().encode(JSON.stringify(value))],
      "replace",
    );
  await write(first);
  expect(await visit()).toMatchObject({ clientId, succeeds: undefined });
  await write({ ...first, version: 3 });
  await expect(open()).rejects.toMatchObject({ code: "invalid-argument" });
});
