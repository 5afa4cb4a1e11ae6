/**
 * The seam to whatever runs SQL for its reads: given a snapshot and statements it tells which pages
 * they touch. The guarantee asked of it: a run reads nothing but what `SnapshotPages` hands out,
 * costs no more than its bounds, never throws, and whatever a statement does harms nobody else.
 */
import type { PageSize } from "@graft/core";
import type { QueryEnd, QueryStatement } from "@graft/rpc";

/** The pages of one snapshot, as one caller may read them. */
export interface SnapshotPages {
  readonly pageSize: PageSize;
  readonly pageCount: number;
  /**
   * The page at an index from 1 to `pageCount`; undefined when it reads as zeros. Not to be
   * written to.
   */
  read(index: number, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

/** What to run, and how far. */
export interface RunnableQuery {
  /** In order, as one transaction that is never committed. */
  readonly statements: readonly QueryStatement[];
  readonly open: (signal: AbortSignal) => Promise<SnapshotPages>;
  /** Time it may compute, ms; waiting for pages is not counted. */
  readonly timeMs: number;
  /** Pages it may touch, at most `TOUCHED_COUNT_MAX`; and bytes of them. */
  readonly pageCountMax: number;
  readonly byteCountMax: number;
}

/** A run that has begun, or waits for its turn. */
export interface QueryRun {
  /** Indexes so far, each once, in the order of the first touch. */
  touched(): readonly number[];
  /** Of the snapshot; undefined while it is not open. */
  readonly pageSize: PageSize | undefined;
  /** Whether the page has come: the last one touched may still be under way. */
  has(index: number): boolean;
  /** The content of a page that has come: undefined when it reads as zeros. */
  page(index: number): Uint8Array | undefined;
  /** How it ended; undefined while it has not. */
  readonly end: QueryEnd | undefined;
  /**
   * Resolves when it has ended, at the latest after `ms`, or when it has computed for `stallMs`
   * without touching a further page.
   */
  within(ms: number, stallMs: number): Promise<void>;
  /** It is of no use any more; what it touched so far stays. Harmless when it has ended. */
  stop(): void;
}

export interface QueryRunner extends AsyncDisposable {
  /** A query is likely to come soon. Harmless when it is ready already. */
  warm(): Promise<void>;
  /** Undefined when there is no room: too many wait already. */
  start(query: RunnableQuery): QueryRun | undefined;
}

/** Pages that one run can touch: beyond it, it ends. */
export const TOUCHED_COUNT_MAX = 1024;
