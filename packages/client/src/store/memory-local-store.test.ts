import { toVolumeId } from "@graft/core";
import * as fc from "fast-check";
import { describe, it } from "vitest";
import { localStoreContract } from "../testing/local-store-contract.ts";
import { arbitrarySteps } from "../testing/store-model/arbitrary-steps.ts";
import { HistoryRunner } from "../testing/store-model/history-runner.ts";
import { createMemoryLocalStore } from "./memory-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

localStoreContract("a local store in memory", "memory", () => ({
  open: () => createMemoryLocalStore({ volumeId }),
}));

describe("a local store in memory", () => {
  it("agrees with whole page maps after every step of any history", () => {
    fc.assert(
      fc.property(arbitrarySteps({ reopens: false }), (steps) => {
        new HistoryRunner({ open: () => createMemoryLocalStore({ volumeId }) }).run(steps);
      }),
      { numRuns: 500 },
    );
  });

  it("hides a page that an old reader fetched after it was cut off twice", () => {
    const open = () => createMemoryLocalStore({ volumeId });
    new HistoryRunner({ open }).run([
      { kind: "commit", pageCount: 1, pages: [] },
      { kind: "reset" },
      { kind: "remote-commit", pageCount: 6, lowPageCount: 12, pages: [4] },
      { kind: "pull" },
      { kind: "pin" },
      { kind: "commit", pageCount: 0, pages: [] },
      { kind: "commit", pageCount: 4, pages: [] },
      { kind: "pin" },
      { kind: "commit", pageCount: 0, pages: [] },
      { kind: "fetch", at: 0, pages: [4] },
      { kind: "unpin", at: 0 },
    ]);
  });
});
