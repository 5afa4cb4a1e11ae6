import { toVolumeId } from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { CrashDriver } from "../../testing/store-model/crash-driver.ts";
import { HistoryRunner } from "../../testing/store-model/history-runner.ts";
import type { HistoryStep } from "../../testing/store-model/history-step.ts";
import { randomStep } from "../../testing/store-model/random-steps.ts";
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
    expect(runSeeds({ count: 250, faults: ["power-loss"], durability: "full" })).toBeGreaterThan(
      900,
    );
  });

  it("takes at most the newest commits from a store that does not flush each", () => {
    expect(runSeeds({ count: 60, faults: ["power-loss"], durability: "relaxed" })).toBeGreaterThan(
      200,
    );
  });

  it("beside failing and full disks: what failed did not happen, and nothing else is lost", () => {
    const faults = ["full", "other", "other", "power-loss"] as const;
    expect(runSeeds({ count: 120, faults, durability: "full" })).toBeGreaterThan(100);
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

/** Runs random histories, and counts the power losses. A failure names its seed. */
function runSeeds(options: {
  readonly count: number;
  readonly faults: readonly ("power-loss" | "full" | "other")[];
  readonly durability: "full" | "relaxed";
}): number {
  let crashCount = 0;
  for (let seed = 1; seed <= options.count; seed++) {
    const random = new SeededRandom(seed);
    const disk = new SimulatedDisk({ random: random.fork() });
    const logSizeMin = random.pick([100, 2000, 6000, 100_000]);
    const { driver } = start({ disk, logSizeMin, durability: options.durability });
    const steps: HistoryStep[] = [];
    try {
      for (let count = 0; count < 60; count++) {
        const step = randomStep(random);
        steps.push(step);
        if (random.chance(0.3)) {
          disk.clearFaults();
          const reason = random.pick(options.faults);
          disk.inject({ operation: "change", nth: random.integer(1, 8), reason });
        }
        driver.step(step);
      }
    } catch (cause) {
      throw new Error(`seed ${seed}: ${String(cause)} after ${JSON.stringify(steps)}`, { cause });
    }
    crashCount += driver.crashCount;
  }
  return crashCount;
}
