import { SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { CompanyPoll } from "./company-poll.ts";

describe("looking what other processes do", () => {
  it("looks at a volume twice a second while the process is alone, for company may have come and gone, and all the time when company comes", async () => {
    const clock = new SimulatedClock();
    let hasCompany = false;
    let asked = 0;
    const poll = new CompanyPoll({
      clock,
      hasCompany: () => {
        asked++;
        return hasCompany;
      },
    });
    let looks = 0;
    poll.add(() => {
      looks++;
    });
    // Nobody knows at the start.
    await clock.advance(1_000);
    const early = looks;
    await clock.advance(10_000);
    expect(looks - early).toBe(20);
    expect(asked).toBeLessThanOrEqual(23);
    const alone = looks;
    hasCompany = true;
    await clock.advance(1_000);
    expect(looks - alone).toBeGreaterThan(10);
    hasCompany = false;
    // What a volume knows may be old: who is left is told for a while.
    const gone = looks;
    await clock.advance(3_000);
    expect(looks - gone).toBeGreaterThan(60);
    await clock.advance(3_000);
    const before = looks;
    await clock.advance(10_000);
    expect(looks - before).toBe(20);
  });

  it("of many volumes looks at all in turn, a bounded number at once", async () => {
    const clock = new SimulatedClock();
    const poll = new CompanyPoll({ clock, hasCompany: () => true });
    const looks = new Array<number>(2_000).fill(0);
    for (const at of looks.keys()) poll.add(() => (looks[at] = (looks[at] ?? 0) + 1));
    await clock.advance(0);
    let before = 200;
    for (let tick = 0; tick < 50; tick++) {
      await clock.advance(40);
      const sum = looks.reduce((total, count) => total + count, 0);
      expect(sum - before).toBeLessThanOrEqual(200);
      before = sum;
    }
    expect(Math.max(...looks) - Math.min(...looks)).toBeLessThanOrEqual(1);
    expect(Math.min(...looks)).toBeGreaterThanOrEqual(4);
  });

  it("no timer runs when nobody is left", async () => {
    const clock = new SimulatedClock();
    const poll = new CompanyPoll({ clock, hasCompany: () => true });
    const leave = poll.add(() => undefined);
    await clock.advance(100);
    expect(clock.sleeperCount).toBe(1);
    leave();
    await clock.advance(100);
    expect(clock.sleeperCount).toBe(0);
  });
});
