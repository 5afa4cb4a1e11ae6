import type { Clock } from "../clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

export interface SimulatedClockOptions {
  /** Wall time at the start, ms since 1970. Default: 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
  /**
   * `manual` (default): time stands still until `advance`. `auto`: when nothing can run any more
   * without time passing, it jumps to the next sleeper.
   */
  readonly mode?: "manual" | "auto";
}

const START_MS = Date.UTC(2026, 0, 1);
const SETTLE_TURNS = 3;

/**
 * Time for tests. Sleepers wake in the order they are due; those due together, in the order they
 * came.
 */
export class SimulatedClock implements Clock {
  readonly #isAuto: boolean;
  readonly #sleepers = new Set<Sleeper>();
  #wallOffsetMs: number;
  #elapsedMs = 0;
  #isJumping = false;
  /** Work on other threads: it takes no time. */
  readonly #work = new Set<Promise<unknown>>();

  constructor({ startMs = START_MS, mode = "manual" }: SimulatedClockOptions = {}) {
    this.#wallOffsetMs = startMs;
    this.#isAuto = mode === "auto";
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** A sleep of no time lets others run, and needs nobody to let time pass. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0) return rest(signal);
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const leave = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#elapsedMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", leave, { once: true });
      if (this.#isAuto) this.#jumpWhenIdle();
    });
  }

  /** Lets time pass, waking sleepers one by one; what they start runs before the next one wakes. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await this.#settle();
    while (true) {
      const next = this.#next();
      if (next === undefined || next.dueMs > endMs) break;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.wake();
      await this.#settle();
    }
    this.#elapsedMs = endMs;
  }

  /** Time stands still until work that the event loop does not see has ended. */
  async standStill<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work);
    try {
      return await work;
    } finally {
      this.#work.delete(work);
    }
  }

  /** The wall clock jumps, as when it is set; the monotonic clock does not notice. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** How many are asleep. */
  get sleeperCount(): number {
    return this.#sleepers.size;
  }

  /** Ms until the next sleeper is due; undefined when nobody sleeps. */
  get nextDueMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : Math.max(0, next.dueMs - this.#elapsedMs);
  }

  #next(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (first === undefined || sleeper.dueMs < first.dueMs) first = sleeper;
    }
    return first;
  }

  async #settle(): Promise<void> {
    await settle();
    while (this.#work.size > 0) {
      await Promise.allSettled(this.#work);
      await settle();
    }
  }

  /** One jumper at a time. It never rejects, and ends when nobody sleeps. */
  async #jumpWhenIdle(): Promise<void> {
    if (this.#isJumping) return;
    this.#isJumping = true;
    while (true) {
      await this.#settle();
      const next = this.#next();
      if (next === undefined) break;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.wake();
    }
    this.#isJumping = false;
  }
}

async function rest(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * Resolves when everything that can run without time or I/O has run. Several turns of the event
 * loop, because streams and message ports hand over work from one turn to the next.
 */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
