import { toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, it } from "vitest";
import { arbitrarySteps } from "../../testing/store-model/arbitrary-steps.ts";
import { HistoryRunner } from "../../testing/store-model/history-runner.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

describe("a durable local store", () => {
  it("agrees with whole page maps after every step of any history, reopened in between", () => {
    fc.assert(
      fc.property(arbitrarySteps(), (steps) => {
        const fileSystem = new SimulatedDisk();
        const open = () => openLocalStore({ fileSystem, directory: "/store", volumeId });
        new HistoryRunner({ open, keepsCache: true }).run(steps);
      }),
      { numRuns: 300 },
    );
  });
});
