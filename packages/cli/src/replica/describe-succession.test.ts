import { createClientId } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { describeSuccession } from "./describe-succession.ts";

const means = { clock: new SimulatedClock(), random: new SeededRandom(1) };
const [now, before] = [createClientId(means), createClientId(means)];

describe("the status of a data directory", () => {
  it("says that it was copied or restored, for a day", () => {
    const succeeds = { reason: "copied", clientId: before, sinceMs: 5 } as const;
    const copied = { clientId: now, succeeds };
    expect(describeSuccession(copied, 10)).toContain("is a copy");
    expect(describeSuccession(copied, 10)).toContain(before);
    expect(describeSuccession(copied, 10 + 25 * 3_600_000)).toBeUndefined();
    expect(describeSuccession({ clientId: now, succeeds: undefined }, 10)).toBeUndefined();
  });
});
