import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeCompute, nodeFileSystem, systemClock } from "@graft/core/node";
import { silentLog } from "@graft/rpc";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { frameOf } from "../testing/killed-cache.ts";
import type { DiskFrameCache } from "./disk-frame-cache.ts";
import { openDiskFrameCache } from "./open-disk-frame-cache.ts";

const CHILD = fileURLToPath(new URL("../testing/killed-cache.ts", import.meta.url));
const MIB = 1024 * 1024;

let directory: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "graft-frames-"));
});

afterEach(async () => {
  for (const child of children) await kill(child);
  rmSync(directory, { recursive: true, force: true });
});

async function open(sizeMax: number): Promise<DiskFrameCache | undefined> {
  return await openDiskFrameCache({
    directory,
    sizeMax,
    fileSystem: nodeFileSystem,
    clock: systemClock,
    compute: nodeCompute,
    log: silentLog,
  });
}

/** A process that fills the cache; resolves when it says whether it has the directory. */
async function startFilling(
  sizeMax: number,
  seed: number,
): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const words = ["--conditions=@graft/source", CHILD, directory, String(sizeMax), String(seed)];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  if (child.stdout === null) throw new Error("stdout is a pipe");
  const [said] = await once(child.stdout.setEncoding("utf8"), "data");
  return { child, said: String(said).trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Bytes of all files, as the disk has them. */
function sizeOnDisk(): number {
  const folder = join(directory, "frames");
  if (!existsSync(folder)) return 0;
  const sizes = readdirSync(folder).map(
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe("the disk frame cache on a real disk", () => {
  it("never takes more than its size while it is filled, plus the slab under way", async () => {
    const sizeMax = 16 * MIB;
    const { child } = await startFilling(sizeMax, 1);
    let most = 0;
    for (let at = 0; at < 150; at++) {
      await systemClock.sleep(20);
      most = Math.max(most, sizeOnDisk());
    }
    await kill(child);
    // Full, so that something had to go; a slab is a sixteenth, written before it has its name.
    expect(most).toBeGreaterThan(sizeMax / 2);
    expect(most).toBeLessThanOrEqual(sizeMax + sizeMax / 16);
  });

  it("fits a smaller size as soon as it is opened with one, and still answers", async () => {
    const { child } = await startFilling(16 * MIB, 2);
    while (sizeOnDisk() < 12 * MIB) await systemClock.sleep(20);
    await kill(child);
    const cache = await open(4 * MIB);
    expect(sizeOnDisk()).toBeLessThanOrEqual(4 * MIB);
    expect(sizeOnDisk()).toBeGreaterThan(MIB);
    expect(cache?.stats().frames).toBeGreaterThan(10);
    await cache?.[Symbol.asyncDispose]();
  });

  it("gives after kill -9 at any moment only what was put, 10 times over, and goes on", async () => {
    const sizeMax = 8 * MIB;
    let found = 0;
    for (let run = 1; run <= 10; run++) {
      const { child, said } = await startFilling(sizeMax, run);
      expect(said).toBe("open");
      await systemClock.sleep(150 + ((run * 37) % 300));
      await kill(child);
      const cache = await open(sizeMax);
      if (cache === undefined) throw new Error("the lock died with its holder");
      expect(sizeOnDisk()).toBeLessThanOrEqual(sizeMax);
      expect(readdirSync(join(directory, "frames")).filter((name) => /tmp$/.test(name))).toEqual(
        [],
      );
      for (let seed = 1; seed <= run; seed++) {
        for (let at = 0; at < 3000; at += 5) {
          const name = `${seed}-${at}`;
          if (!cache.has(name)) continue;
          const frame = await cache.get(name);
          expect(frame?.data).toEqual(frameOf(name));
          found++;
        }
      }
      expect(cache.stats()).toMatchObject({ corrupt: 0, failures: 0 });
      await cache[Symbol.asyncDispose]();
    }
    expect(found).toBeGreaterThan(100);
  });

  it("is one process's: another one runs without, until the first is killed", async () => {
    const { child, said } = await startFilling(4 * MIB, 1);
    expect(said).toBe("open");
    const second = await startFilling(4 * MIB, 2);
    expect(second.said).toBe("busy");
    expect(await open(4 * MIB)).toBeUndefined();
    await kill(child);
    const cache = await open(4 * MIB);
    expect(cache).toBeDefined();
    await cache?.[Symbol.asyncDispose]();
  });
});
