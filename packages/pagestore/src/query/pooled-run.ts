import type { Clock, PageSize } from "@graft/core";
import type { QueryEnd, QueryStatement } from "@graft/rpc";
import type { ConfinedStatement } from "@graft/sqlite-engine";
import type { SnapshotPages } from "./query-runner.ts";
import { type QueryRun, type RunnableQuery, TOUCHED_COUNT_MAX } from "./query-runner.ts";
import type { QueryThread, ThreadEnd, ThreadRun } from "./query-thread.ts";

/** Instructions of SQLite's virtual machine for one run: some 100 ms. */
const STEPS_MAX = 10_000_000;

export interface PooledRunOptions {
  readonly clock: Clock;
  /** Its snapshot is open: it waits for a thread. */
  readonly onReady: (run: PooledRun) => void;
  /** It is not to begin any more. */
  readonly onStop: (run: PooledRun) => void;
  readonly onEnd: (run: PooledRun, end: ThreadEnd["kind"]) => void;
}

/** One run, from being asked for to its end. */
export class PooledRun implements QueryRun {
  readonly #query: RunnableQuery;
  readonly #options: PooledRunOptions;
  readonly #startMs: number;
  readonly #abort = new AbortController();
  readonly #pages = new Map<number, Uint8Array | undefined>();
  readonly #ended = Promise.withResolvers<void>();
  #snapshot: SnapshotPages | undefined;
  /** Since when it has touched no further page; undefined while one is under way. */
  #quietSinceMs: number | undefined;
  #place: { readonly thread: QueryThread; readonly run: ThreadRun } | undefined;
  #touched: readonly number[] = [];
  #end: QueryEnd | undefined;

  constructor(query: RunnableQuery, options: PooledRunOptions) {
    this.#query = query;
    this.#options = options;
    this.#startMs = options.clock.monotonicMs();
    this.#quietSinceMs = this.#startMs;
    void this.#open();
  }

  get end(): QueryEnd | undefined {
    return this.#end;
  }

  get pageSize(): PageSize | undefined {
    return this.#snapshot?.pageSize;
  }

  /** Since it was asked for, ms. */
  get elapsedMs(): number {
    return this.#options.clock.monotonicMs() - this.#startMs;
  }

  touched(): readonly number[] {
    return this.#place === undefined ? this.#touched : this.#place.thread.touched();
  }

  page(index: number): Uint8Array | undefined {
    return this.#pages.get(index);
  }

  has(index: number): boolean {
    return this.#pages.has(index);
  }

  async within(ms: number, stallMs: number): Promise<void> {
    const { clock } = this.#options;
    const timer = new AbortController();
    const deadlineMs = clock.monotonicMs() + ms;
    while (this.#end === undefined) {
      const nowMs = clock.monotonicMs();
      const leftMs = Math.min(deadlineMs, (this.#quietSinceMs ?? nowMs) + stallMs) - nowMs;
      if (leftMs <= 0) break;
      const sleep = clock.sleep(Math.max(1, leftMs), timer.signal).catch(() => undefined);
      await Promise.race([this.#ended.promise, sleep]);
    }
    timer.abort();
  }

  stop(): void {
    if (this.#end !== undefined) return;
    this.#abort.abort();
    if (this.#place === undefined) {
      this.#options.onStop(this);
      this.#finish("over", []);
    } else this.#place.thread.stop(this.#place.run);
  }

  /** Its turn has come. */
  begin(thread: QueryThread): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined || this.#end !== undefined) return;
    const { statements, timeMs, pageCountMax, byteCountMax } = this.#query;
    const { pageSize, pageCount } = snapshot;
    const touchedMax = Math.min(
      pageCountMax,
      Math.floor(byteCountMax / pageSize),
      TOUCHED_COUNT_MAX,
    );
    const run: ThreadRun = {
      message: {
        statements: statements.map(toConfined),
        pageSize,
        pageCount,
        touchedMax,
        timeMs,
        stepsMax: STEPS_MAX,
      },
      pages: this.#watched(snapshot),
      signal: this.#abort.signal,
      onPage: (index, page) => this.#pages.set(index, page),
      onEnd: (end, touched) => this.#finish(end.kind, touched),
    };
    this.#place = { thread, run };
    thread.run(run);
  }

  #watched(snapshot: SnapshotPages): SnapshotPages {
    const { pageSize, pageCount } = snapshot;
    const read: SnapshotPages["read"] = async (index, signal) => {
      this.#quietSinceMs = undefined;
      try {
        return await snapshot.read(index, signal);
      } finally {
        this.#quietSinceMs = this.#options.clock.monotonicMs();
      }
    };
    return { pageSize, pageCount, read };
  }

  async #open(): Promise<void> {
    try {
      this.#snapshot = await this.#query.open(this.#abort.signal);
    } catch {
      // Whoever asked for pages of this snapshot is told why there are none.
      return this.#finish("failed", []);
    }
    if (this.#end !== undefined) return;
    if (this.#snapshot.pageCount === 0) this.#finish("done", []);
    else this.#options.onReady(this);
  }

  #finish(kind: ThreadEnd["kind"], touched: readonly number[]): void {
    if (this.#end !== undefined) return;
    this.#end = QUERY_ENDS[kind];
    this.#touched = touched;
    this.#place = undefined;
    this.#ended.resolve();
    this.#options.onEnd(this, kind);
  }
}

/** How a run ended, as its client is told. */
const QUERY_ENDS: Readonly<Record<ThreadEnd["kind"], QueryEnd>> = {
  done: "done",
  stopped: "stopped",
  over: "stopped",
  killed: "stopped",
  refused: "refused",
  failed: "failed",
  trapped: "failed",
};

function toConfined({ sql, values, named, rowLimit }: QueryStatement): ConfinedStatement {
  const parameters = named === undefined ? values : ([named, ...values] as const);
  return { sql, parameters, rowsMax: rowLimit };
}
