import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECTOR_SIZE } from "./disk/file-node.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

const OLD = new Uint8Array(3 * SECTOR_SIZE).fill(1);
const NEW = new Uint8Array(5 * SECTOR_SIZE).fill(2);
const SECTOR_COUNT = 8;

/** Writes NEW where `OLD` may be, with the power going out at the n-th change. */
async function writeUntilPowerLoss(
  seed: number,
  nth: number,
  mode: "replace" | "create-only",
): Promise<{ answer: boolean | undefined; found: Uint8Array | undefined }> {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
  disk.makeDirectory("/d");
  if (mode === "replace") await disk.writeWhole("/d/file", [OLD], "replace");
  disk.inject({ operation: "change", nth, reason: "power-loss" });
  const write = disk.writeWhole("/d/file", [NEW.subarray(0, 700), NEW.subarray(700)], mode);
  const answer = await write.catch(() => undefined);
  disk.crash();
  return { answer, found: await disk.readWhole("/d/file") };
}

describe("a whole file, with the power going out at any change,", () => {
  test("is the old one or the new one, and the new one once the write resolved", async () => {
    let [oldCount, newCount, interruptedCount] = [0, 0, 0];
    for (let nth = 1; nth <= 8; nth++) {
      for (let seed = 1; seed <= 40; seed++) {
        const { answer, found } = await writeUntilPowerLoss(seed, nth, "replace");
        if (answer === undefined) interruptedCount++;
        if (found?.[0] === 1) oldCount++;
        else newCount++;
        expect(found).toEqual(found?.[0] === 1 && answer === undefined ? OLD : NEW);
      }
    }
    // Every kind of ending was met: the test could have failed.
    expect(Math.min(oldCount, newCount, interruptedCount)).toBeGreaterThan(20);
  });

  test("is there whole or not at all, and is there once create-only said true", async () => {
    let [absentCount, presentCount] = [0, 0];
    for (let nth = 1; nth <= 8; nth++) {
      for (let seed = 1; seed <= 40; seed++) {
        const { answer, found } = await writeUntilPowerLoss(seed, nth, "create-only");
        if (found === undefined) absentCount++;
        else presentCount++;
        if (found === undefined) expect(answer).toBeUndefined();
        else expect(found).toEqual(NEW);
      }
    }
    expect(Math.min(absentCount, presentCount)).toBeGreaterThan(20);
  });
});

type Step =
  | { readonly kind: "write"; readonly first: number; readonly count: number }
  | { readonly kind: "sync" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: writeStep() },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "sync" }) },
);

function writeStep(): fc.Arbitrary<Step> {
  const first = fc.nat({ max: SECTOR_COUNT - 1 });
  return fc.tuple(first, fc.integer({ min: 1, max: SECTOR_COUNT })).map(([at, count]) => ({
    kind: "write",
    first: at,
    count: Math.min(count, SECTOR_COUNT - at),
  }));
}

test("after a power loss each sector is as some write since the last sync, or that sync, left it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.integer(), (steps, seed) => {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
      const file = disk.open("/file", "create");
      disk.syncDirectory("/");
      const versions = Array.from({ length: SECTOR_COUNT }, () => [0]);
      for (const [at, each] of steps.entries()) {
        if (each.kind === "sync") {
          file.sync();
          for (const sector of versions) sector.splice(0, sector.length - 1);
          continue;
        }
        const { first, count } = each;
        file.write(new Uint8Array(count * SECTOR_SIZE).fill(at + 1), first * SECTOR_SIZE);
        for (const sector of versions.slice(first, first + count)) sector.push(at + 1);
      }
      disk.crash();
      const after = new Uint8Array(SECTOR_COUNT * SECTOR_SIZE);
      disk.open("/file", "read").read(after, 0);
      for (const [at, allowed] of versions.entries()) {
        const sector = after.subarray(at * SECTOR_SIZE, (at + 1) * SECTOR_SIZE);
        expect(new Set(sector).size).toBe(1);
        expect(allowed).toContain(sector[0]);
      }
    }),
    { numRuns: 200 },
  );
});
