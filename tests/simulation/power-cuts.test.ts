/**
 * The local store under 100,000 power cuts: every change that was acknowledged is there after each,
 * and no page has bytes that were never its own. What a cut loses is drawn for each sector of each
 * write and for each name that was not flushed: so writes are lost, torn and reordered.
 */
import { openLocalStore } from "@graft/client";
import { type CutCensus, type PowerCutsOptions, runPowerCuts } from "@graft/client/testing";
import { type PageSize, toPageSize, toVolumeId } from "@graft/core";
import { afterAll, describe, expect, it } from "vitest";

/** GRAFT_CUTS makes it a longer run. */
const CUT_COUNT = Number(process.env.GRAFT_CUTS ?? 100_000);
const STEP_COUNT = 100;
const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

type Weather = Pick<PowerCutsOptions, "pageSize" | "durability" | "isFailing" | "calmStepsMax">;

const SMALL: PageSize = toPageSize(512);
const USUAL: PageSize = toPageSize(4096);
const LARGE: PageSize = toPageSize(65_536);

/** In parts of a hundred. */
const WEATHERS: readonly (readonly [name: string, share: number, weather: Weather])[] = [
  ["pages of 512 bytes", 39, { pageSize: SMALL, durability: "full" }],
  ["pages of 4 KiB", 24, { pageSize: USUAL, durability: "full" }],
  ["pages of 64 KiB", 2, { pageSize: LARGE, durability: "full" }],
  ["commits that are not flushed", 13, { pageSize: SMALL, durability: "relaxed" }],
  ["long lives", 3, { pageSize: SMALL, durability: "full", calmStepsMax: 40 }],
  [
    "commits that are not flushed, in long lives",
    3,
    { pageSize: SMALL, durability: "relaxed", calmStepsMax: 40 },
  ],
  [
    "calls that fail on a full or broken disk as well",
    16,
    { pageSize: SMALL, durability: "full", isFailing: true },
  ],
];

const census: CutCensus = new Map();

describe("a power cut", () => {
  it.each(WEATHERS)("loses nothing that was acknowledged: %s", (_name, share, weather) => {
    const goal = total(census) + Math.ceil((CUT_COUNT * share) / 100);
    for (let seed = 1; total(census) < goal; seed++) {
      runPowerCuts(
        { ...weather, seed, stepCount: STEP_COUNT, open: openOn(weather, seed) },
        census,
      );
    }
  });

  it("has hit every kind of call, and recoveries, often", () => {
    expect(total(census)).toBeGreaterThanOrEqual(CUT_COUNT);
    for (const count of census.values()) expect(count).toBeGreaterThan(CUT_COUNT / 500);
    expect(census.get("recovery") ?? 0).toBeGreaterThan(CUT_COUNT / 10);
    expect(census.size).toBe(11);
  });
});

afterAll(() => {
  const places = [...census].map(([place, count]) => `${place} ${count}`).sort();
  const seconds = Math.round(process.cpuUsage().user / 1e6);
  process.stderr.write(`${total(census)} power cuts, ${seconds} s of CPU: ${places.join(", ")}\n`);
});

/** With and without a cache in memory; fetched pages recorded at once. */
function openOn({ durability, pageSize }: Weather, seed: number): PowerCutsOptions["open"] {
  const memoryCacheSize = seed % 4 === 0 ? 16 * pageSize : 0;
  const eager = { fetchedCountMin: 2, memoryCacheSize };
  return (fileSystem, logSizeMin) =>
    openLocalStore({
      fileSystem,
      directory: "/store",
      volumeId,
      logSizeMin,
      durability,
      ...eager,
    });
}

function total(counts: CutCensus): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
