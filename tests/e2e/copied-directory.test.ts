import { cpSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Runtime, Volume } from "@graft/client";
import { toLsn, type VolumeId } from "@graft/core";
import { nodeFileSystem } from "@graft/core/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags } from "../harness/pages.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-copied-"));
let cluster: Cluster;
let path: string;
let copy: string;
let count = 0;

beforeAll(async () => {
  cluster = await Cluster.start();
});
beforeEach(() => {
  path = join(folder, `original-${++count}`);
  copy = join(folder, `copy-${count}`);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The answer of every commit is lost on its way back. */
const losesAnswers: Interceptor = (next) => async (request) => {
  const answer = await next(request);
  if (request.method.name !== "Commit") return answer;
  throw new ConnectError("the answer was lost", Code.Unavailable);
};

function openAt(at: string, interceptors: readonly Interceptor[] = []): Promise<Runtime> {
  return cluster.openClient({ directory: { path: at, fileSystem: nodeFileSystem }, interceptors });
}

/** A pushed volume, and then whatever the test does to it; closed. */
async function make(
  use: (volume: Volume) => Promise<void> | void,
  interceptors: readonly Interceptor[] = [],
): Promise<VolumeId> {
  await using first = await openAt(path);
  const volume = await first.createVolume();
  commitPages(volume, { 1: 1 }, 1);
  await volume.push();
  await first.close();
  await using second = await openAt(path, interceptors);
  await use(await second.openVolume(volume.volumeId));
  return volume.volumeId;
}

async function remoteLog(volume: Volume) {
  const { commits } = await volume.remoteLog(toLsn(1n));
  return commits.map(({ snapshot }) => ({ lsn: snapshot.lsn, clientId: snapshot.clientId }));
}

describe("a data directory that was copied while it was closed", () => {
  it("and its original push what both hold, prepared and unanswered, as one commit", async () => {
    const volumeId = await make(
      async (volume) => {
        commitPages(volume, { 1: 2 }, 1);
        await expect(volume.push()).rejects.toMatchObject({ code: "unavailable" });
        expect(volume.status().state).toBe("unknown");
      },
      [losesAnswers],
    );
    cpSync(path, copy, { recursive: true });
    const [a, b] = [await openAt(path), await openAt(copy)];
    expect(b.clientId).not.toBe(a.clientId);
    expect(b.succeeds).toMatchObject({ reason: "copied", clientId: a.clientId });
    const [one, two] = [await a.openVolume(volumeId), await b.openVolume(volumeId)];
    const pushed = await Promise.all([one.push(), two.push()]);
    expect(pushed).toMatchObject([{ lsn: 2n }, { lsn: 2n }]);
    expect(await remoteLog(one)).toEqual([
      { lsn: 1n, clientId: a.clientId },
      { lsn: 2n, clientId: a.clientId },
    ]);
    commitPages(two, { 1: 3 }, 1);
    expect(await two.push()).toMatchObject({ lsn: 3n });
    expect((await remoteLog(one)).at(-1)).toEqual({ lsn: 3n, clientId: b.clientId });
    await one.pull();
    expect(await readTags(one)).toEqual([3]);
  });

  it("resolves what was never sent under the old client id too, once", async () => {
    const refuses: Interceptor = (next) => async (request) => {
      if (request.method.name !== "Commit") return next(request);
      throw new ConnectError("down", Code.Unavailable);
    };
    const volumeId = await make(
      async (volume) => {
        commitPages(volume, { 1: 2 }, 1);
        await expect(volume.push()).rejects.toMatchObject({ code: "unavailable" });
      },
      [refuses],
    );
    cpSync(path, copy, { recursive: true });
    const b = await openAt(copy);
    const two = await b.openVolume(volumeId);
    expect(await two.push()).toMatchObject({ lsn: 2n });
    const a = await openAt(path);
    const one = await a.openVolume(volumeId);
    expect(await one.push()).toMatchObject({ lsn: 2n });
    expect(await remoteLog(one)).toEqual([
      { lsn: 1n, clientId: a.clientId },
      { lsn: 2n, clientId: a.clientId },
    ]);
  });

  it("and its original push the same pending work once; the other is told, and loses nothing", async () => {
    const volumeId = await make((volume) => commitPages(volume, { 1: 2 }, 1));
    cpSync(path, copy, { recursive: true });
    const [a, b] = [await openAt(path), await openAt(copy)];
    const [one, two] = [await a.openVolume(volumeId), await b.openVolume(volumeId)];
    expect(await two.push()).toMatchObject({ lsn: 2n });
    await expect(one.push()).rejects.toMatchObject({ code: "diverged" });
    expect(await readTags(one)).toEqual([2]);
    expect(one.status()).toMatchObject({ state: "diverged", local: { pending: 1 } });
    expect(await remoteLog(two)).toEqual([
      { lsn: 1n, clientId: a.clientId },
      { lsn: 2n, clientId: b.clientId },
    ]);
    let saved = 0;
    await one.reset({
      save: async (reader) => {
        saved = reader.version;
      },
    });
    expect(saved).toBeGreaterThan(0);
    expect(one.status()).toMatchObject({ state: "synced", remote: { lsn: 2n } });
  });

  it("that was only renamed stays who it is", async () => {
    const volumeId = await make((volume) => commitPages(volume, { 1: 2 }, 1));
    const before = await openAt(path);
    await before.close();
    renameSync(path, copy);
    const moved = await openAt(copy);
    expect(moved.clientId).toBe(before.clientId);
    expect(await (await moved.openVolume(volumeId)).push()).toMatchObject({ lsn: 2n });
  });
});

describe("an older state of a data directory, put in its place", () => {
  it.each([
    ["into the directory that is there", false, "restored"],
    ["as a new directory", true, "copied"],
  ] as const)(
    "%s: what it pushed since is there, once, and it is another client",
    async (...row) => {
      const [, isRemoved, reason] = row;
      const volumeId = await make((volume) => commitPages(volume, { 1: 2 }, 1));
      cpSync(path, copy, { recursive: true });
      const first = await openAt(path);
      const volume = await first.openVolume(volumeId);
      await volume.push();
      commitPages(volume, { 1: 3 }, 1);
      await volume.push();
      await first.close();
      if (isRemoved) {
        rmSync(path, { recursive: true });
      } else {
        rmSync(join(path, "volumes"), { recursive: true });
      }
      cpSync(copy, path, { recursive: true });
      const restored = await openAt(path);
      // A new directory may be given the inode of the one that was removed.
      expect([reason, "restored"]).toContain(restored.succeeds?.reason);
      expect(restored.clientId).not.toBe(first.clientId);
      const again = await restored.openVolume(volumeId);
      await expect(again.push()).rejects.toMatchObject({ code: "diverged" });
      expect((await remoteLog(again)).map(({ lsn }) => lsn)).toEqual([1n, 2n, 3n]);
      await again.reset();
      expect(await readTags(again)).toEqual([3]);
    },
  );
});
