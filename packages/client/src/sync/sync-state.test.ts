import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decideNews,
  nextSyncState,
  recoverSyncState,
  SYNC_TRANSITIONS,
  type SyncEvent,
  type SyncState,
} from "./sync-state.ts";

const STATES = Object.keys(SYNC_TRANSITIONS) as SyncState[];
const EVENTS = Object.keys(SYNC_TRANSITIONS.synced) as SyncEvent[];

/** The table of docs/sync-state-machine.md, written out: "-" cannot happen. */
const TABLE: Readonly<Record<SyncState, Readonly<Record<SyncEvent, SyncState | "-">>>> = {
  synced: {
    commit: "pending",
    prepare: "-",
    committed: "-",
    "committed-behind": "-",
    rejected: "-",
    refused: "-",
    lost: "-",
    news: "synced",
    reset: "synced",
  },
  pending: {
    commit: "pending",
    prepare: "pushing",
    committed: "-",
    "committed-behind": "-",
    rejected: "-",
    refused: "-",
    lost: "-",
    news: "diverged",
    reset: "synced",
  },
  pushing: {
    commit: "pushing",
    prepare: "-",
    committed: "synced",
    "committed-behind": "pending",
    rejected: "diverged",
    refused: "pending",
    lost: "unknown",
    news: "pushing",
    reset: "-",
  },
  unknown: {
    commit: "unknown",
    prepare: "pushing",
    committed: "synced",
    "committed-behind": "pending",
    rejected: "diverged",
    refused: "-",
    lost: "unknown",
    news: "unknown",
    reset: "-",
  },
  diverged: {
    commit: "diverged",
    prepare: "-",
    committed: "-",
    "committed-behind": "-",
    rejected: "-",
    refused: "-",
    lost: "-",
    news: "diverged",
    reset: "synced",
  },
};

describe("the sync state machine", () => {
  it.each(STATES.flatMap((state) => EVENTS.map((event) => [state, event] as const)))(
    "%s × %s goes where the table says",
    (state, event) => {
      expect(nextSyncState(state, event) ?? "-").toBe(TABLE[state][event]);
    },
  );

  it("applies news only when nothing local stands on the old base", () => {
    expect(STATES.filter((state) => decideNews(state) === "apply")).toEqual(["synced"]);
    expect(STATES.filter((state) => decideNews(state) === "set-aside")).toEqual([
      "pushing",
      "unknown",
    ]);
  });

  it("leaves `unknown` only on a definite answer, over random walks", () => {
    const definite = new Set<SyncEvent>(["committed", "committed-behind", "rejected", "prepare"]);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 }), (events) => {
        let state: SyncState = "synced";
        for (const event of events) {
          const next = nextSyncState(state, event);
          if (next === undefined) continue;
          if (state === "unknown" && next !== "unknown") expect(definite.has(event)).toBe(true);
          if (state === "diverged" && next !== "diverged") expect(event).toBe("reset");
          state = next;
        }
      }),
    );
  });

  it("treats a prepared push found on disk as sent", () => {
    const facts = { isDiverged: false, hasPush: true, pendingCount: 1 };
    expect(recoverSyncState(facts)).toBe("unknown");
    expect(recoverSyncState({ ...facts, hasPush: false })).toBe("pending");
    expect(recoverSyncState({ ...facts, isDiverged: true, hasPush: false })).toBe("diverged");
    expect(recoverSyncState({ isDiverged: false, hasPush: false, pendingCount: 0 })).toBe("synced");
  });
});
