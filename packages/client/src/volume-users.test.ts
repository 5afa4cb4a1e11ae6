import { type FileLock, GraftError, toPageSize } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { expect, test } from "vitest";
import type { PageFetcher } from "./page-fetcher.ts";
import type { LocalStore } from "./store/local-store.ts";
import { VolumeUsers } from "./volume-users.ts";
import { WriteGate } from "./write-gate.ts";

test("who cannot open its snapshot gives the write lock back", () => {
  const locks = { taken: 0, given: 0 };
  const tryLock = (): FileLock => {
    locks.taken++;
    return { close: () => locks.given++ } as unknown as FileLock;
  };
  const store: Pick<LocalStore, "pin"> = {
    pin: () => {
      throw new GraftError("io", "the disk is full");
    },
  };
  const users = new VolumeUsers({
    store: store as LocalStore,
    gate: new WriteGate({ clock: new SimulatedClock(), random: new SeededRandom(1), tryLock }),
    fetcher: {} as PageFetcher,
    pageSize: () => toPageSize(512),
    mustBeOpen: () => undefined,
    hasChange: () => false,
    letNewsIn: () => undefined,
    onCommitted: () => undefined,
  });
  for (let attempt = 1; attempt <= 2; attempt++) {
    expect(() => users.openWriter()).toThrow("the disk is full");
    expect(locks).toEqual({ taken: attempt, given: attempt });
  }
});
