import { type FileSystem, PAGE_SIZE_MIN, toVolumeId } from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { CrashDriver } from "../../testing/store-model/crash-driver.ts";
import { HistoryRunner } from "../../testing/store-model/history-runner.ts";
import type { HistoryStep } from "../../testing/store-model/history-step.ts";
import { type CutCensus, runPowerCuts } from "../../testing/store-model/power-cuts.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

/** Every kind of change once, small and large, with pins and a new generation in between. */
const STORY: readonly HistoryStep[] = [
  { kind: "commit", pageCount: 6, pages: [1, 2, 3, 4, 5, 6] },
  { kind: "commit", pageCount: 6, pages: [1, 2, 4, 5], isStaged: true },
  { kind: "prepare" },
  { kind: "commit", pageCount: 3, pages: [2] },
  { kind: "complete" },
  { kind: "pin" },
  { kind: "commit", pageCount: 8, pages: [7] },
  { kind: "prepare" },
  { kind: "complete" },
  { kind: "remote-commit", pageCount: 9, lowPageCount: 9, pages: [1, 9] },
  { kind: "pull" },
  { kind: "fetch", at: 1, pages: [1, 9] },
  { kind: "evict", pageCount: 2 },
  { kind: "reopen" },
  { kind: "commit", pageCount: 9, pages: [3, 4] },
  { kind: "prepare" },
  { kind: "diverge" },
  { kind: "remote-commit", pageCount: 5, lowPageCount: 4, pages: [3] },
  { kind: "reset" },
  { kind: "fetch", at: 0, pages: [1, 2, 3, 4, 5] },
  { kind: "commit", pageCount: 5, pages: [5] },
  { kind: "prepare" },
  { kind: "complete" },
  { kind: "commit", pageCount: 5, pages: [1, 2] },
  { kind: "pin" },
  { kind: "merge", pageCount: 7, pages: [3, 6, 7] },
  { kind: "commit", pageCount: 7, pages: [2] },
  { kind: "merge", pageCount: 6, pages: [4] },
  { kind: "prepare" },
  { kind: "complete" },
  { kind: "fetch", at: 1, pages: [3, 4, 6, 7] },
];

describe("power loss", () => {
  it.each([100, 3000, 100_000])(
    "at any write, flush or rename loses nothing acknowledged (generations of %i bytes)",
    (logSizeMin) => {
      for (let nth = 1; ; nth++) {
        const disk = new SimulatedDisk({ random: new SeededRandom(nth) });
        disk.inject({ operation: "change", nth, reason: "power-loss" });
        const { driver, wasCutShort } = start({ disk, logSizeMin, durability: "full" });
        driver.run(STORY);
        if (!wasCutShort && driver.crashCount === 0) {
          expect(nth).toBeGreaterThan(60);
          return;
        }
        driver.restart();
      }
    },
  );

  it("again and again in any history leaves every acknowledged commit and no wrong page", () => {
    expect(countCuts({ seeds: 40, durability: "full" })).toBeGreaterThan(400);
  });

  it("takes at most the newest commits from a store that does not flush each", () => {
    expect(countCuts({ seeds: 40, durability: "relaxed" })).toBeGreaterThan(200);
  });

  it("beside failing and full disks: what failed did not happen, and nothing else is lost", () => {
    expect(countCuts({ seeds: 20, durability: "full", isFailing: true })).toBeGreaterThan(200);
  });
});

interface StoreOptions {
  readonly disk: SimulatedDisk;
  readonly logSizeMin: number;
  readonly durability: "full" | "relaxed";
}

/** The very first open may be cut short, too. */
function start({ disk, logSizeMin, durability }: StoreOptions): {
  readonly driver: CrashDriver;
  readonly wasCutShort: boolean;
} {
  const eager = { fetchedCountMin: 2, memoryCacheSize: 0 };
  const options = { directory: "/store", volumeId, logSizeMin, durability, ...eager };
  const open = () => openLocalStore({ ...options, fileSystem: disk });
  const isRelaxed = durability === "relaxed";
  try {
    const driver = new CrashDriver(disk, new HistoryRunner({ open }), { isRelaxed });
    return { driver, wasCutShort: false };
  } catch (error) {
    if (!disk.isDown) throw error;
    disk.crash();
    const driver = new CrashDriver(disk, new HistoryRunner({ open }), { isRelaxed });
    return { driver, wasCutShort: true };
  }
}

/** A small share of the cuts of tests/simulation/power-cuts.test.ts. */
function countCuts(options: {
  readonly seeds: number;
  readonly durability: "full" | "relaxed";
  readonly isFailing?: boolean;
}): number {
  const { durability, isFailing = false } = options;
  const eager = { directory: "/store", volumeId, durability, fetchedCountMin: 2 };
  const census: CutCensus = new Map();
  for (let seed = 1; seed <= options.seeds; seed++) {
    const history = { seed, stepCount: 60, pageSize: PAGE_SIZE_MIN, durability, isFailing };
    const open = (fileSystem: FileSystem, logSizeMin: number) =>
      openLocalStore({ ...eager, fileSystem, logSizeMin, memoryCacheSize: 0 });
    runPowerCuts({ ...history, open }, census);
  }
  return [...census.values()].reduce((sum, count) => sum + count, 0);
}
