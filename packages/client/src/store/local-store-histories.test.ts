import { toVolumeId } from "@graft/core";
import * as fc from "fast-check";
import { describe, it } from "vitest";
import { arbitrarySteps } from "../testing/store-model/arbitrary-steps.ts";
import { HistoryRunner } from "../testing/store-model/history-runner.ts";
import { createMemoryLocalStore } from "./memory-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

describe("a local store in memory", () => {
  it("agrees with whole page maps after every step of any history", () => {
    fc.assert(
      fc.property(arbitrarySteps({ reopens: false }), (steps) => {
        new HistoryRunner({ open: () => createMemoryLocalStore({ volumeId }) }).run(steps);
      }),
      { numRuns: 500 },
    );
  });
});
