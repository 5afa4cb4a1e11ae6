/** What a PageStore and a thread that runs SQL tell each other, beside the channel. */
import type { ConfinedEnd, ConfinedStatement, Engine } from "@graft/sqlite-engine";

/** What a thread is given when it starts. */
export interface ThreadSetup {
  /** Compiled once for the process. */
  readonly engine: Engine;
  readonly buffer: SharedArrayBuffer;
  /** Most memory for SQLite, in bytes. */
  readonly heapMaxBytes: number;
}

/** One run, to the thread. */
export interface RunMessage {
  readonly statements: readonly ConfinedStatement[];
  readonly pageSize: number;
  readonly pageCount: number;
  /** Pages it may touch. */
  readonly touchedMax: number;
  /** Time it may compute, ms. */
  readonly timeMs: number;
  /** Instructions of SQLite's virtual machine it may take. */
  readonly stepsMax: number;
}

/** From the thread. */
export type ThreadMessage =
  /** It can take a run. */
  | { readonly kind: "ready" }
  /** It sleeps until this page is in the channel. */
  | { readonly kind: "page"; readonly index: number }
  /** `isOver`: a bound of the run ended it. */
  | { readonly kind: "end"; readonly end: ConfinedEnd; readonly isOver: boolean };
