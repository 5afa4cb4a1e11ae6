/**
 * The sync state machine of one volume (docs/sync-state-machine.md). Pure. What runs derives its
 * state from the durable facts (`deriveSyncState`); the table says which moves that may be.
 *
 * ```
 *            commit                    prepare
 *   synced ─────────▶ pending ────────────────────▶ pushing ──┐ committed
 *     ▲  ▲               ▲  ▲         refused          │  │    │ (pending when commits came meanwhile)
 *     │  └── reset ──────┼──┼──────────────────────────┼──┼────┘
 *     │                  │  └───── refused ── unknown ◀┘  │ lost
 *     │                  │                       │        │
 *     └── reset ── diverged ◀── rejected ────────┴────────┘
 *                     ▲ │
 *                     │ └── merged, rebased ──▶ pending
 *                     └── news while pending, unless merged
 * ```
 *
 * From `unknown`, `reset` is for those who may only read: nobody can tell them, and the work is
 * saved as such.
 *
 * Invariants: (1) no news is applied in `pushing` or `unknown`; (2) only a definite answer, or
 * such a reset, leaves `unknown`; (3) local commits are legal in every state; (4) `diverged` ends
 * only by merge, reset or rebase.
 */
export type SyncState = "synced" | "pending" | "pushing" | "unknown" | "diverged";

export type SyncEvent =
  /** A local transaction was committed. */
  | "commit"
  /** A push was prepared: its commit id is on disk. */
  | "prepare"
  /** Definite: the push is the remote head, and nothing was committed locally meanwhile. */
  | "committed"
  /** The same, and local commits came meanwhile. */
  | "committed-behind"
  /** Definite: another commit holds the LSN after the base. */
  | "rejected"
  /** Definite: no PUT was ever tried for this commit id. */
  | "refused"
  /** No definite answer. */
  | "lost"
  /** Somebody else's commits were learnt of. */
  | "news"
  /** Local work was given up, or had nothing left to run again. */
  | "reset"
  /** Local commits were carried over to a newer remote snapshot. */
  | "merged"
  /** Local transactions were run again on the newest remote snapshot. */
  | "rebased";

/** What happens to news. */
export type NewsDecision =
  /** Apply it under the write lock. */
  | "apply"
  /** Local commits stand on an older base: they are carried over, or the volume is diverged. */
  | "diverge"
  /** Ask again when the outcome is known. */
  | "set-aside";

type Row = Readonly<Record<SyncEvent, SyncState | undefined>>;

/** `undefined`: the event cannot happen in this state. */
export const SYNC_TRANSITIONS: Readonly<Record<SyncState, Row>> = {
  synced: row({ commit: "pending", news: "synced", reset: "synced" }),
  pending: row({
    commit: "pending",
    prepare: "pushing",
    news: "diverged",
    merged: "pending",
    reset: "synced",
  }),
  pushing: row({
    commit: "pushing",
    committed: "synced",
    "committed-behind": "pending",
    rejected: "diverged",
    refused: "pending",
    lost: "unknown",
    news: "pushing",
  }),
  unknown: row({
    commit: "unknown",
    prepare: "pushing",
    committed: "synced",
    "committed-behind": "pending",
    rejected: "diverged",
    news: "unknown",
    lost: "unknown",
    reset: "synced",
  }),
  diverged: row({
    commit: "diverged",
    news: "diverged",
    merged: "pending",
    reset: "synced",
    rebased: "pending",
  }),
};

/** The next state; undefined when the event cannot happen here. */
export function nextSyncState(state: SyncState, event: SyncEvent): SyncState | undefined {
  return SYNC_TRANSITIONS[state][event];
}

/** What to do with news in this state. */
export function decideNews(state: SyncState): NewsDecision {
  switch (state) {
    case "synced":
      return "apply";
    case "pending":
    case "diverged":
      return "diverge";
    case "pushing":
    case "unknown":
      return "set-aside";
  }
}

/**
 * The state that durable facts amount to. They are shared by all processes of a data directory, so
 * that the state is never kept, only derived: any process may have moved it. A prepared push that
 * nobody is at work on may have been sent.
 */
export function deriveSyncState(facts: {
  readonly isDiverged: boolean;
  readonly hasPush: boolean;
  readonly hasPending: boolean;
  /** Whether somebody is at work on the prepared push. */
  readonly isPushing: boolean;
}): SyncState {
  if (facts.isDiverged) return "diverged";
  if (facts.hasPush) return facts.isPushing ? "pushing" : "unknown";
  return facts.hasPending ? "pending" : "synced";
}

function row(cells: Partial<Record<SyncEvent, SyncState>>): Row {
  return {
    commit: cells.commit,
    prepare: cells.prepare,
    committed: cells.committed,
    "committed-behind": cells["committed-behind"],
    rejected: cells.rejected,
    refused: cells.refused,
    lost: cells.lost,
    news: cells.news,
    reset: cells.reset,
    merged: cells.merged,
    rebased: cells.rebased,
  };
}
