/**
 * Learns what other nodes commit (`--notify probe`), for those who watch:
 *
 *     watched ──▶ wait ──▶ is the next LSN there? ──yes──▶ catalogue it, tell watchers, wait 200 ms
 *                  ▲                │ no
 *                  └── twice as long, up to 10 s, and a little more or less each time
 *
 * A volume that nobody watches is not looked at. A volume that this node commits to is looked at
 * often again: where one writes, others may.
 */
import {
  type Clock,
  isGraftError,
  KeyedLimiter,
  type Lsn,
  type Random,
  randomUnit,
  Supervisor,
  toLsn,
  type VolumeId,
} from "@graft/core";
import type { Log } from "@graft/rpc";
import type { CatalogUpdater } from "./catalog-updater.ts";
import type { KnownHeads } from "./known-heads.ts";

/** A watched volume costs a request each 10 s while nothing changes. */
const DELAY_MS_MIN = 200;
const DELAY_MS_MAX = 10_000;
/**
 * Each wait is that much longer or shorter, by chance: nodes and volumes must not march in step.
 */
const JITTER = 0.25;
/** Volumes looked at side by side. */
const PROBE_CONCURRENCY = 16;
/** Commits catalogued for watchers at most: whoever is further behind pulls. */
const CATALOGUED_COUNT_MAX = 64n;

export interface HeadProberOptions {
  readonly heads: KnownHeads;
  readonly commits: CatalogUpdater;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The volume has a new head, and its commits are catalogued as far as they are few. */
  readonly onNews: (volumeId: VolumeId) => void;
}

interface Watched {
  delayMs: number;
  readonly leave: AbortController;
  /** Ends the wait: something happened. */
  hurry: AbortController;
}

/** Why a wait is ended. One for all: making an error with its stack is dear. */
const HURRY = new Error("the volume moved");

export class HeadProber implements AsyncDisposable {
  readonly #options: HeadProberOptions;
  readonly #supervisor: Supervisor;
  readonly #permits = new KeyedLimiter<"probe">(PROBE_CONCURRENCY);
  readonly #watched = new Map<VolumeId, Watched>();

  constructor(options: HeadProberOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor(({ task, error }) => {
      options.log.error({ task, err: error }, "background task failed");
    });
    options.heads.onFound((volumeId, from, to) => this.#found(volumeId, from, to));
  }

  /** The volume is watched now: told once, until `leave`. */
  watch(volumeId: VolumeId): void {
    if (this.#watched.has(volumeId)) return;
    const leave = new AbortController();
    const watched = { delayMs: DELAY_MS_MIN, leave, hurry: new AbortController() };
    this.#watched.set(volumeId, watched);
    this.#supervisor.start(`probes of ${volumeId}`, () => this.#probeFor(volumeId, watched));
  }

  /** Nobody watches the volume any more. */
  leave(volumeId: VolumeId): void {
    const watched = this.#watched.get(volumeId);
    if (watched === undefined) return;
    this.#watched.delete(volumeId);
    watched.leave.abort(HURRY);
    watched.hurry.abort(HURRY);
  }

  /** The volume moved, by this node or another: more may come. */
  hurry(volumeId: VolumeId): void {
    const watched = this.#watched.get(volumeId);
    if (watched === undefined || watched.delayMs === DELAY_MS_MIN) return;
    watched.delayMs = DELAY_MS_MIN;
    watched.hurry.abort(HURRY);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const volumeId of [...this.#watched.keys()]) this.leave(volumeId);
    await this.#supervisor[Symbol.asyncDispose]();
  }

  async #probeFor(volumeId: VolumeId, watched: Watched): Promise<void> {
    const { clock, heads, log, random } = this.#options;
    while (!watched.leave.signal.aborted) {
      const share = 1 + JITTER * (2 * randomUnit(random) - 1);
      await clock.sleep(watched.delayMs * share, watched.hurry.signal).catch(() => undefined);
      watched.hurry = new AbortController();
      if (watched.leave.signal.aborted) return;
      watched.delayMs = Math.min(2 * watched.delayMs, DELAY_MS_MAX);
      try {
        await this.#permits.run("probe", () => heads.refresh(volumeId, watched.leave.signal));
      } catch (error) {
        if (watched.leave.signal.aborted) return;
        if (!isGraftError(error)) throw error;
        log.warn({ volume: volumeId, error: error.message }, "the next commit was not looked for");
      }
    }
  }

  /** Whoever looked: a probe, or somebody who asked for the latest. */
  #found(volumeId: VolumeId, from: Lsn | undefined, to: Lsn): void {
    if (!this.#watched.has(volumeId)) return;
    this.hurry(volumeId);
    this.#supervisor.start(`news of ${volumeId}`, async (signal) => {
      const { commits, log, onNews } = this.#options;
      const start = toLsn((from ?? 0n) + 1n);
      try {
        if (to - start < CATALOGUED_COUNT_MAX) {
          for await (const _ of commits.range(volumeId, { start, end: to }, signal));
        }
      } catch (error) {
        if (!isGraftError(error)) throw error;
        log.warn({ volume: volumeId, error: error.message }, "news could not be read");
      }
      // Also without them: then a watcher is told to pull.
      onNews(volumeId);
    });
  }
}
