/**
 * A thread that runs SQL, seen from the PageStore.
 *
 *     starting ──ready──▶ idle ──run──▶ running ──end──▶ starting ──ready──▶ idle …
 *         └──────────────────┴────── killed ◀─┘  overrun, crash, dispose
 *
 * A run ends by itself at a bound. One that does not look at its bounds (a single instruction of
 * SQLite may take seconds) is ended from outside, and its thread with it.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "@graft/core";
import type { ConfinedEnd, Engine } from "@graft/sqlite-engine";
import { QueryChannel } from "./query-channel.ts";
import type { SnapshotPages } from "./query-runner.ts";
import type { RunMessage, ThreadMessage, ThreadSetup } from "./thread-messages.ts";

/** Most memory for SQLite in one run, in bytes: 8 MiB are taken from the start. */
export const RUN_HEAP_BYTES_MAX: number = 32 * 1024 * 1024;
/**
 * How much longer than it may a run may be before its thread is killed, ms. Nobody waits for it
 * then; it is long because on a busy machine a thread that is about to end needs its turn for it.
 */
export const OVERRUN_MS = 200;
/** How often a running thread is looked at, ms. */
const WATCH_MS = 25;
/** JavaScript's own memory in a thread, MiB. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 };

/** How a run in a thread ended. */
export type ThreadEnd = ConfinedEnd | { readonly kind: "killed" } | { readonly kind: "over" };

/** What a run in a thread is given. */
export interface ThreadRun {
  readonly message: RunMessage;
  readonly pages: SnapshotPages;
  readonly signal: AbortSignal;
  /** A page that goes to the thread. */
  readonly onPage: (index: number, page: Uint8Array | undefined) => void;
  /** Called once. */
  readonly onEnd: (end: ThreadEnd, touched: readonly number[]) => void;
}

interface RunState {
  readonly run: ThreadRun;
  /** Since when it computes; undefined while it waits for a page. */
  sinceMs: number | undefined;
  computedMs: number;
  limitMs: number;
}

export interface QueryThreadOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** It became idle. */
  readonly onIdle: (thread: QueryThread) => void;
  /** It is dead, and will not come back. */
  readonly onDeath: (thread: QueryThread) => void;
}

export class QueryThread {
  readonly #options: QueryThreadOptions;
  readonly #channel = new QueryChannel();
  readonly #worker: Worker;
  #state: "starting" | "idle" | "dead" | RunState = "starting";

  constructor(options: QueryThreadOptions) {
    this.#options = options;
    const { engine } = options;
    const setup: ThreadSetup = {
      engine,
      buffer: this.#channel.buffer,
      heapMaxBytes: RUN_HEAP_BYTES_MAX,
    };
    this.#worker = startWorker(setup);
    // A thread that waits for work keeps no process alive.
    this.#worker.unref();
    this.#worker.on("message", (message: ThreadMessage) => this.#onMessage(message));
    this.#worker.on("error", () => this.#die());
    this.#worker.on("exit", () => this.#die());
  }

  get isIdle(): boolean {
    return this.#state === "idle";
  }

  get isRunning(): boolean {
    return typeof this.#state !== "string";
  }

  /** What the run that is in it has touched so far. */
  touched(): readonly number[] {
    return this.#channel.touched();
  }

  /** Begins a run. Only when idle. */
  run(run: ThreadRun): void {
    this.#channel.reset();
    const { timeMs } = run.message;
    const sinceMs = this.#options.clock.monotonicMs();
    const state = { run, sinceMs, computedMs: 0, limitMs: timeMs + OVERRUN_MS };
    this.#state = state;
    this.#worker.postMessage(run.message);
    void this.#watch(state);
  }

  /** Ends the run that is in it, if it is this one: soon by itself, or by force. */
  stop(run: ThreadRun): void {
    const state = this.#state;
    if (typeof state === "string" || state.run !== run) return;
    this.#channel.stop();
    this.#resume(state);
    state.limitMs = Math.min(state.limitMs, this.#computedMs(state) + OVERRUN_MS);
  }

  /** Ends the thread, whatever it does. */
  async kill(): Promise<void> {
    this.#die();
    await this.#worker.terminate();
  }

  #onMessage(message: ThreadMessage): void {
    const state = this.#state;
    if (state === "dead") return;
    if (message.kind === "ready") {
      this.#state = "idle";
      this.#options.onIdle(this);
    } else if (typeof state === "string") return;
    else if (message.kind === "page") void this.#feed(state, message.index);
    else {
      this.#state = "starting";
      state.run.onEnd(message.isOver ? { kind: "over" } : message.end, this.touched());
    }
  }

  async #feed(state: RunState, index: number): Promise<void> {
    const { pages, signal, onPage } = state.run;
    this.#pause(state);
    const page = await pages.read(index, signal).catch(() => "failed" as const);
    if (this.#state !== state || signal.aborted) return;
    if (page !== "failed") onPage(index, page);
    this.#resume(state);
    this.#channel.answer(page ?? "zeros");
  }

  #computedMs(state: RunState): number {
    const { sinceMs, computedMs } = state;
    return computedMs + (sinceMs === undefined ? 0 : this.#options.clock.monotonicMs() - sinceMs);
  }

  #pause(state: RunState): void {
    state.computedMs = this.#computedMs(state);
    state.sinceMs = undefined;
  }

  #resume(state: RunState): void {
    state.sinceMs ??= this.#options.clock.monotonicMs();
  }

  /** Kills the thread when the run in it computes for longer than it may. */
  async #watch(state: RunState): Promise<void> {
    while (this.#state === state) {
      const leftMs = state.limitMs - this.#computedMs(state);
      if (leftMs <= 0) return await this.kill();
      await this.#options.clock.sleep(Math.min(Math.max(leftMs, 1), WATCH_MS));
    }
  }

  #die(): void {
    const state = this.#state;
    if (state === "dead") return;
    this.#state = "dead";
    if (typeof state !== "string") state.run.onEnd({ kind: "killed" }, this.touched());
    this.#options.onDeath(this);
  }
}

function startWorker(setup: ThreadSetup): Worker {
  const source = new URL("./query-thread-main.ts", import.meta.url);
  const isSource = import.meta.url.endsWith(".ts");
  const entry = source.href.replace(/ts$/, isSource ? "ts" : "js");
  return new Worker(new URL(entry), {
    workerData: setup,
    resourceLimits: LIMITS,
    // It needs none of the process's secrets, and none of its streams.
    env: {},
    execArgv: isSource ? ["--conditions=@graft/source"] : [],
    stdout: true,
    stderr: true,
    name: "query",
  });
}
