import { toPageSize, toVolumeId } from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { SharedRunner } from "../../testing/store-model/shared-runner.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const directory = "/store";
const PAGE_SIZE = toPageSize(512);

const SEED_COUNT = 40;

describe("many processes on one store", () => {
  it("see what was acknowledged, keep their snapshots and lose nothing, whoever dies when", () => {
    let [deaths, cuts] = [0, 0];
    for (let seed = 1; seed <= SEED_COUNT; seed++) {
      const random = new SeededRandom(seed);
      const disk = new SimulatedDisk({ random: random.fork() });
      const logSizeMin = random.pick([100, 3000, 20_000]);
      const eager = { memoryCacheSize: 0, fetchedCountMin: random.pick([2, 40]) };
      const runner = new SharedRunner({
        disk,
        random,
        pageSize: PAGE_SIZE,
        open: (fileSystem) =>
          openLocalStore({ fileSystem, directory, volumeId, logSizeMin, ...eager }),
      });
      for (let count = 0; count < 120; count++) {
        try {
          runner.step();
        } catch (cause) {
          throw new Error(`seed ${seed}, step ${count}: ${String(cause)}`, { cause });
        }
      }
      deaths += runner.deathCount;
      cuts += runner.powerLossCount;
    }
    expect(deaths).toBeGreaterThan(SEED_COUNT);
    expect(cuts).toBeGreaterThan(SEED_COUNT / 2);
  });
});
