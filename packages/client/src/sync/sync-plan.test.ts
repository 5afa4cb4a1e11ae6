import { describe, expect, it } from "vitest";
import { planSync, type SyncFacts } from "./sync-plan.ts";
import type { SyncState } from "./sync-state.ts";

const NEVER = Number.POSITIVE_INFINITY;
const IDLE: SyncFacts = {
  nowMs: 1_000,
  state: "synced",
  isLeader: true,
  isLive: true,
  hasNews: false,
  hasOwnPush: false,
  mustPull: false,
  pullDueMs: 0,
  pushDueMs: 0,
  retryDueMs: 0,
  isResting: false,
};
const STATES: readonly SyncState[] = ["synced", "pending", "pushing", "unknown", "diverged"];

function plan(facts: Partial<SyncFacts>): string {
  const step = planSync({ ...IDLE, ...facts });
  return step.kind === "wait" ? `wait ${step.untilMs}` : step.kind;
}

describe("what a volume that syncs by itself does next", () => {
  it("is nothing while it is live and nothing happens", () => {
    expect(plan({})).toBe(`wait ${NEVER}`);
  });

  it("is nothing, whatever there is, while another process leads", () => {
    const busy = { isLeader: false, hasNews: true, hasOwnPush: true, mustPull: true };
    for (const state of STATES) expect(plan({ ...busy, state })).toBe(`wait ${NEVER}`);
  });

  it.each<[string, Partial<SyncFacts>]>([
    ["apply", { hasNews: true }],
    ["apply", { hasNews: true, state: "pending" }],
    ["wait 1250", { hasNews: true, state: "pushing" }],
    ["push", { hasNews: true, state: "unknown" }],
    ["settle", { hasNews: true, hasOwnPush: true, state: "unknown" }],
    ["reconcile", { hasNews: true, state: "diverged" }],
    [`wait ${NEVER}`, { hasNews: true, state: "diverged", isResting: true }],
  ])("with news it is to %s in %o", (step, facts) => {
    expect(plan(facts)).toBe(step);
  });

  it("news is applied, and a push settled by it, also during a backoff", () => {
    expect(plan({ hasNews: true, retryDueMs: 9_000 })).toBe("apply");
    expect(plan({ hasOwnPush: true, state: "unknown", retryDueMs: 9_000 })).toBe("settle");
  });

  it("whatever speaks with the server waits for the end of a backoff", () => {
    const retryDueMs = 9_000;
    for (const state of ["pending", "unknown", "diverged"] as const) {
      expect(plan({ state, retryDueMs })).toBe("wait 9000");
    }
    expect(plan({ mustPull: true, retryDueMs })).toBe("wait 9000");
    expect(plan({ isLive: false, retryDueMs })).toBe("wait 9000");
  });

  it("commits are pushed when they have gathered, and a known gap is pulled before that", () => {
    expect(plan({ state: "pending" })).toBe("push");
    expect(plan({ state: "pending", pushDueMs: 1_500 })).toBe("wait 1500");
    expect(plan({ state: "pending", pushDueMs: 1_500, mustPull: true })).toBe("pull");
  });

  it("without a stream it asks when it is time", () => {
    expect(plan({ isLive: false, pullDueMs: 4_000 })).toBe("wait 4000");
    expect(plan({ isLive: false, pullDueMs: 1_000 })).toBe("pull");
  });

  it("commits that never end do not keep a pull away that is overdue", () => {
    const steady = { state: "pending", isLive: false, pushDueMs: 999 } as const;
    expect(plan({ ...steady, pullDueMs: 998 })).toBe("pull");
    expect(plan({ ...steady, pullDueMs: 5_000 })).toBe("push");
  });
});
