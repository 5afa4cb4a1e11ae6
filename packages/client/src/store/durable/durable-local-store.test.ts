import { toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, it } from "vitest";
import { localStoreContract } from "../../testing/local-store-contract.ts";
import { arbitrarySteps } from "../../testing/store-model/arbitrary-steps.ts";
import { HistoryRunner } from "../../testing/store-model/history-runner.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const directory = "/store";
/** What is rare in real life happens all the time, and every read goes to the disk. */
const EAGER = { fetchedCountMin: 2, memoryCacheSize: 0 };

localStoreContract("a durable local store on a simulated disk", "durable", () => {
  const fileSystem = new SimulatedDisk();
  return { open: () => openLocalStore({ fileSystem, directory, volumeId }) };
});

localStoreContract("a durable local store that begins generations all the time", "durable", () => {
  const fileSystem = new SimulatedDisk();
  const means = { fileSystem, directory, volumeId };
  const open = () => openLocalStore({ ...means, logSizeMin: 100, ...EAGER });
  return { open };
});

describe("a durable local store", () => {
  it("agrees with whole page maps after every step of any history, reopened in between", () => {
    const sizes = fc.constantFrom(100, 3000, 100_000);
    fc.assert(
      fc.property(arbitrarySteps(), sizes, (steps, logSizeMin) => {
        const fileSystem = new SimulatedDisk();
        const means = { fileSystem, directory, volumeId };
        const open = () => openLocalStore({ ...means, logSizeMin, ...EAGER });
        new HistoryRunner({ open, keepsCache: true }).run(steps);
      }),
      { numRuns: 400 },
    );
  });
});
