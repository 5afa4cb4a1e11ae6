/**
 * What one connection holds of one volume, by SQLite's lock levels. Pure.
 *
 *     idle ──share──▶ shared ──reserve──▶ reserved ──exclude──▶ exclusive ──commit──▶ committed
 *      ▲                │ ▲                  │                     │                     │
 *      │                │ └────downgrade─────┴─────────────────────┴─────────────────────┤
 *      └────release─────┴──────(from any state)──────────────────────────────────────────┘
 *
 * The reader is the snapshot of the lock; the writer is the volume's write transaction. In
 * `committed` the writer is used up, and the reader is one on the snapshot that the commit made.
 * `reopen` begins a further write transaction there: only the rollback of a transaction over
 * several files does that.
 */
import { InvariantError } from "@graft/core";

/** What is held. The shell closes what a transition drops. */
export type LockState<Reader, Writer> =
  | { readonly kind: "idle" }
  | { readonly kind: "shared"; readonly reader: Reader }
  | { readonly kind: "reserved"; readonly reader: Reader; readonly writer: Writer }
  | { readonly kind: "exclusive"; readonly reader: Reader; readonly writer: Writer }
  | { readonly kind: "committed"; readonly reader: Reader };

/** The snapshot underneath whatever is written. */
export function baseOf<Reader, Writer extends { readonly base: Reader }>(
  state: Exclude<LockState<Reader, Writer>, { readonly kind: "idle" }>,
): Reader {
  return "writer" in state ? state.writer.base : state.reader;
}

/** What SQLite, or the commit, does to it. */
export type LockEvent<Reader, Writer> =
  | { readonly kind: "share"; readonly reader: Reader }
  | { readonly kind: "reserve"; readonly writer: Writer }
  | { readonly kind: "exclude" }
  | { readonly kind: "commit"; readonly reader: Reader }
  | { readonly kind: "reopen"; readonly writer: Writer }
  | { readonly kind: "downgrade" }
  | { readonly kind: "release" };

/** The names of all states, and of all events, for tables that must be complete. */
export type LockStateKind = LockState<unknown, unknown>["kind"];
export type LockEventKind = LockEvent<unknown, unknown>["kind"];

/**
 * The state after an event.
 *
 * @throws InvariantError naming state and event when SQLite would never do that
 */
export function nextLockState<R, W>(
  state: LockState<R, W>,
  event: LockEvent<R, W>,
): LockState<R, W> {
  switch (event.kind) {
    case "share":
      if (state.kind === "idle") return { kind: "shared", reader: event.reader };
      break;
    case "reserve":
      if (state.kind === "shared") {
        return { kind: "reserved", reader: state.reader, writer: event.writer };
      }
      break;
    case "exclude":
      if (state.kind === "reserved" || state.kind === "exclusive") {
        return { kind: "exclusive", reader: state.reader, writer: state.writer };
      }
      break;
    case "commit":
      if (state.kind === "reserved" || state.kind === "exclusive") {
        return { kind: "committed", reader: event.reader };
      }
      break;
    case "reopen":
      if (state.kind === "committed") {
        return { kind: "exclusive", reader: state.reader, writer: event.writer };
      }
      break;
    case "downgrade":
      if (state.kind !== "idle") return { kind: "shared", reader: state.reader };
      break;
    case "release":
      return { kind: "idle" };
  }
  throw new InvariantError(`a volume file in state "${state.kind}" never sees "${event.kind}"`);
}
