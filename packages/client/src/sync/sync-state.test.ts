import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decideNews,
  deriveSyncState,
  nextSyncState,
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
    merged: "-",
    rebased: "-",
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
    merged: "pending",
    rebased: "-",
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
    merged: "-",
    rebased: "-",
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
    reset: "synced",
    merged: "-",
    rebased: "-",
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
    merged: "pending",
    rebased: "pending",
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

  it("leaves `unknown` only on a definite answer or a reset, over random walks", () => {
    const definite = new Set<SyncEvent>([
      "committed",
      "committed-behind",
      "rejected",
      "prepare",
      "reset",
    ]);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 }), (events) => {
        let state: SyncState = "synced";
        for (const event of events) {
          const next = nextSyncState(state, event);
          if (next === undefined) continue;
          if (state === "unknown" && next !== "unknown") expect(definite.has(event)).toBe(true);
          if (state === "diverged" && next !== "diverged") {
            expect(["reset", "merged", "rebased"]).toContain(event);
          }
          state = next;
        }
      }),
    );
  });

  it("treats a prepared push found on disk as sent", () => {
    const facts = { isDiverged: false, hasPush: true, hasPending: true, isPushing: false };
    expect(deriveSyncState(facts)).toBe("unknown");
    expect(deriveSyncState({ ...facts, isPushing: true })).toBe("pushing");
    expect(deriveSyncState({ ...facts, hasPush: false })).toBe("pending");
    expect(deriveSyncState({ ...facts, isDiverged: true, hasPush: false })).toBe("diverged");
    expect(deriveSyncState({ ...facts, hasPush: false, hasPending: false })).toBe("synced");
  });

  it("is derived from the facts alone, wherever it came from: another process moves it too", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 }), (events) => {
        let state: SyncState = "synced";
        let facts: Facts = IDLE;
        for (const event of events) {
          const next = nextSyncState(state, event);
          if (next === undefined) continue;
          facts = changeFacts(facts, event, next);
          expect(deriveSyncState(facts), `${state} + ${event}`).toBe(next);
          state = next;
        }
      }),
    );
  });
});

type Facts = Parameters<typeof deriveSyncState>[0];

const IDLE: Facts = { isDiverged: false, hasPush: false, hasPending: false, isPushing: false };

/** What the event leaves in the store, and of the work under way. */
function changeFacts(facts: Facts, event: SyncEvent, next: SyncState): Facts {
  const idle = { ...facts, hasPush: false, isPushing: false };
  switch (event) {
    case "commit":
      return { ...facts, hasPending: true };
    case "prepare":
      return { ...facts, hasPush: true, isPushing: true };
    case "committed":
      return { ...idle, hasPending: false };
    case "committed-behind":
    case "refused":
      return idle;
    case "rejected":
      return { ...idle, isDiverged: true };
    case "lost":
      return { ...facts, isPushing: false };
    case "news":
      return { ...facts, isDiverged: next === "diverged" };
    case "merged":
    case "rebased":
      return { ...idle, isDiverged: false, hasPending: true };
    case "reset":
      return { ...idle, hasPending: false, isDiverged: false };
  }
}
