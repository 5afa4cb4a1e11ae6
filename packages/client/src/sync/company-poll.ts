/**
 * Notices what other processes of a data directory do. Nobody tells it: it looks. One timer for all
 * volumes of a client; while no other process uses the directory, it looks seldom.
 */
import type { Clock } from "@graft/core";

/**
 * Between two looks for other processes: a few locks are tried, ≈ 0.1 ms. While there is none, also
 * between two looks at volumes.
 */
const PROCESSES_MS = 500;
/** Between two looks at volumes, while there is company. */
const LOOK_MS = 40;
/**
 * How long volumes are looked at after the last company has gone: what each knows of who else has
 * it open may be a second old, and whoever is left has to lead them all.
 */
const LINGER_MS = 4_000;
/**
 * Volumes in one look, at a few µs each: of 200 volumes each is looked at every 40 ms, of 10 000
 * every 2 s.
 */
const LOOK_COUNT_MAX = 200;

export interface CompanyPollMeans {
  readonly clock: Clock;
  /** Whether another process uses the directory. Must not throw. */
  readonly hasCompany: () => boolean;
}

export class CompanyPoll {
  readonly #means: CompanyPollMeans;
  /** In the order in which they are looked at next. */
  readonly #looks = new Set<() => void>();
  #running: AbortController | undefined;

  constructor(means: CompanyPollMeans) {
    this.#means = means;
  }

  /** Calls `look`, which must not throw, again and again. Returns what ends that. */
  add(look: () => void): () => void {
    this.#looks.add(look);
    if (this.#running === undefined) this.#start();
    return () => {
      this.#looks.delete(look);
      if (this.#looks.size > 0) return;
      this.#running?.abort();
      this.#running = undefined;
    };
  }

  #start(): void {
    const running = new AbortController();
    this.#running = running;
    this.#run(running.signal).catch((error: unknown) => {
      if (!running.signal.aborted) throw error;
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#means;
    // Volumes that are opened together are looked at together.
    await Promise.resolve();
    // Nobody knows yet: there may be.
    let lookUntilMs = clock.monotonicMs() + PROCESSES_MS;
    let askedMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const nowMs = clock.monotonicMs();
      if (nowMs - askedMs >= PROCESSES_MS) {
        if (this.#means.hasCompany()) lookUntilMs = nowMs + LINGER_MS;
        askedMs = nowMs;
      }
      const isLooking = nowMs < lookUntilMs;
      // Alone, too: company that came, committed and left between two looks is seen by its commits.
      this.#look();
      await clock.sleep(isLooking ? LOOK_MS : PROCESSES_MS, signal);
    }
  }

  /** At a bounded number of volumes, in turn. */
  #look(): void {
    let left = Math.min(LOOK_COUNT_MAX, this.#looks.size);
    for (const look of this.#looks) {
      if (left-- <= 0) return;
      // To the end of the line.
      this.#looks.delete(look);
      this.#looks.add(look);
      look();
    }
  }
}
