/**
 * A few threads that run SQL for its reads, and a short queue before them. A thread that had to be
 * killed is replaced, the later the more of them died one after another.
 */
import { availableParallelism } from "node:os";
import type { Clock } from "@graft/core";
import type { Counter, Histogram, MetricsRegistry } from "@graft/rpc";
import { registerQueue } from "@graft/rpc";
import type { Engine } from "@graft/sqlite-engine";
import { PooledRun } from "./pooled-run.ts";
import type { QueryRun, QueryRunner, RunnableQuery } from "./query-runner.ts";
import { QueryThread, type ThreadEnd } from "./query-thread.ts";

/** Threads unless told otherwise; never more than there are processors. */
export const QUERY_THREAD_COUNT_DEFAULT = 2;
/**
 * Runs under way, those that wait for a thread included. Beyond it nothing is run: it is a hint.
 */
export const QUERY_RUN_COUNT_MAX = 32;
/**
 * Until a killed thread is replaced, ms: the first one, doubled for each one after it, and most.
 */
const RESTART_MS = 50;
const RESTART_MAX_MS = 5000;

export interface QueryPoolOptions {
  /** Loads SQLite; called once, when it is first needed. */
  readonly loadEngine: () => Promise<Engine>;
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
  /** Default 2. */
  readonly threadCount?: number | undefined;
}

export class QueryPool implements QueryRunner {
  readonly #options: QueryPoolOptions;
  readonly #threadCount: number;
  readonly #threads = new Set<QueryThread>();
  readonly #runs = new Set<PooledRun>();
  readonly #waiting: PooledRun[] = [];
  readonly #metrics: RunMetrics;
  #engine: Engine | undefined;
  #starting: Promise<void> | undefined;
  #deathsInARow = 0;
  readonly #closing = new AbortController();

  constructor(options: QueryPoolOptions) {
    this.#options = options;
    const wished = options.threadCount ?? QUERY_THREAD_COUNT_DEFAULT;
    this.#threadCount = Math.max(1, Math.min(wished, availableParallelism()));
    this.#metrics = createRunMetrics(options.metrics);
    registerQueue(options.metrics, "query_runs", () => ({
      activeCount: [...this.#threads].filter(({ isRunning }) => isRunning).length,
      waitingCount: this.#waiting.length,
    }));
  }

  /** Starts its threads, so that the first query need not wait for them. */
  async warm(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#starting ??= this.#start();
    await this.#starting;
  }

  start(query: RunnableQuery): QueryRun | undefined {
    if (this.#closing.signal.aborted || this.#runs.size >= QUERY_RUN_COUNT_MAX) {
      this.#metrics.ends.add({ end: "no_room" });
      return undefined;
    }
    void this.warm();
    const { clock } = this.#options;
    const run = new PooledRun(query, {
      clock,
      onReady: (ready) => this.#enqueue(ready),
      onStop: (stopped) => this.#forget(stopped),
      onEnd: (ended, end) => {
        this.#runs.delete(ended);
        this.#count(ended, end);
      },
    });
    this.#runs.add(run);
    return run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const run of this.#runs) run.stop();
    await this.#starting;
    await Promise.all([...this.#threads].map((thread) => thread.kill()));
  }

  async #start(): Promise<void> {
    try {
      this.#engine = await this.#options.loadEngine();
    } catch {
      // Without SQLite there is no foresight, and nothing else is missing.
      return;
    }
    while (!this.#closing.signal.aborted && this.#threads.size < this.#threadCount)
      this.#addThread();
  }

  #addThread(): void {
    const engine = this.#engine;
    if (engine === undefined || this.#closing.signal.aborted) return;
    const { clock } = this.#options;
    const onIdle = (): void => this.#next();
    const onDeath = (thread: QueryThread): void => void this.#replace(thread);
    try {
      this.#threads.add(new QueryThread({ engine, clock, onIdle, onDeath }));
    } catch {
      // The system gives no further thread: those that are there do what they can.
    }
  }

  async #replace(dead: QueryThread): Promise<void> {
    this.#threads.delete(dead);
    if (this.#closing.signal.aborted) return;
    const delayMs = Math.min(RESTART_MS * 2 ** this.#deathsInARow, RESTART_MAX_MS);
    this.#deathsInARow++;
    const { clock } = this.#options;
    await clock.sleep(delayMs, this.#closing.signal).catch(() => undefined);
    this.#addThread();
  }

  #enqueue(run: PooledRun): void {
    this.#waiting.push(run);
    this.#next();
  }

  #next(): void {
    for (const thread of this.#threads) {
      if (!thread.isIdle) continue;
      const run = this.#waiting.shift();
      if (run === undefined) return;
      run.begin(thread);
    }
  }

  #forget(run: PooledRun): void {
    const at = this.#waiting.indexOf(run);
    if (at !== -1) this.#waiting.splice(at, 1);
  }

  #count(run: PooledRun, end: ThreadEnd["kind"]): void {
    if (end !== "killed") this.#deathsInARow = 0;
    this.#metrics.ends.add({ end });
    this.#metrics.pages.add({}, run.touched().length);
    this.#metrics.seconds.observe({}, run.elapsedMs / 1000);
  }
}

interface RunMetrics {
  readonly ends: Counter;
  readonly pages: Counter;
  readonly seconds: Histogram;
}

function createRunMetrics(metrics: MetricsRegistry): RunMetrics {
  return {
    ends: metrics.counter("graft_query_runs_total", "Runs of hinted queries, by how they ended."),
    pages: metrics.counter("graft_query_pages_total", "Pages that runs of queries touched."),
    seconds: metrics.histogram(
      "graft_query_run_seconds",
      "From the start of a run of a query to its end, waiting included.",
    ),
  };
}
