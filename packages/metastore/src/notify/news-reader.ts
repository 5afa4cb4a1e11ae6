import {
  type Clock,
  isGraftError,
  LSN_FIRST,
  type Lsn,
  nextLsn,
  Supervisor,
  toLsn,
  type VolumeId,
} from "@graft/core";
import type { Log } from "@graft/rpc";
import type { CatalogUpdater } from "../catalog-updater.ts";
import { DOUBT_MS, type KnownHeads } from "../known-heads.ts";

/** Commits catalogued for watchers at most: whoever is further behind pulls. */
const CATALOGUED_COUNT_MAX = 64n;
/** Until the first look after a commit whose outcome is unknown, ms; then twice as long each. */
const DOUBT_DELAY_MS = 1000;

export interface NewsReaderOptions {
  readonly heads: KnownHeads;
  readonly commits: CatalogUpdater;
  readonly clock: Clock;
  readonly log: Log;
  readonly isWatched: (volumeId: VolumeId) => boolean;
  /** The volume has a new head, and its commits are catalogued as far as they are few. */
  readonly onNews: (volumeId: VolumeId) => void;
}

/** Reads what other nodes committed to watched volumes, and tells that it is there. */
export class NewsReader implements AsyncDisposable {
  readonly #options: NewsReaderOptions;
  readonly #supervisor: Supervisor;
  readonly #doubted = new Set<VolumeId>();

  constructor(options: NewsReaderOptions) {
    const { heads, log } = options;
    this.#options = options;
    this.#supervisor = new Supervisor(({ task, error }) => {
      log.error({ task, err: error }, "background task failed");
    });
    heads.listen({
      onFound: (volumeId, from, to) => this.#found(volumeId, from, to),
      onDoubt: (volumeId) => this.#doubt(volumeId),
    });
  }

  /**
   * Looks whether the commit that another node speaks of is there, and reads what lies below it.
   * False: it is not. One request when it is the next one.
   */
  async follow(volumeId: VolumeId, lsn: Lsn, signal: AbortSignal): Promise<boolean> {
    const { heads, commits } = this.#options;
    const known = heads.peek(volumeId);
    if ((await commits.get(volumeId, lsn, signal)) === undefined) return false;
    if (lsn > LSN_FIRST) await this.#read(volumeId, known, toLsn(lsn - 1n), signal);
    // Who watches is told of whatever is seen for the first time.
    heads.saw(volumeId, lsn);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
  }

  /** Whoever saw it: a probe, a hint, a commit on top of it, or a question for the latest. */
  #found(volumeId: VolumeId, from: Lsn | undefined, to: Lsn): void {
    if (!this.#options.isWatched(volumeId)) return;
    this.#supervisor.start(`news of ${volumeId}`, async (signal) => {
      await this.#read(volumeId, from, to, signal);
      this.#options.onNews(volumeId);
    });
  }

  /**
   * A commit whose outcome is unknown may land when nobody asks any more: who watches is to hear of
   * it all the same.
   */
  #doubt(volumeId: VolumeId): void {
    if (this.#doubted.has(volumeId)) return;
    this.#doubted.add(volumeId);
    this.#supervisor.start(`doubts of ${volumeId}`, async (signal) => {
      const { clock, heads, isWatched, log } = this.#options;
      try {
        for (let delayMs = DOUBT_DELAY_MS, ms = 0; ms < DOUBT_MS; ms += delayMs, delayMs *= 2) {
          await clock.sleep(delayMs, signal);
          if (!isWatched(volumeId)) continue;
          await heads.refresh(volumeId, signal).catch((error: unknown) => {
            if (!isGraftError(error)) throw error;
            log.debug({ volume: volumeId, error: error.message }, "it was not looked for");
          });
        }
      } finally {
        this.#doubted.delete(volumeId);
      }
    });
  }

  /**
   * Catalogues (from, to] when it is short. Without it a watcher is told to pull; so it is with the
   * history of a volume that this node hears of for the first time.
   */
  async #read(
    volumeId: VolumeId,
    from: Lsn | undefined,
    to: Lsn,
    signal: AbortSignal,
  ): Promise<void> {
    const { commits, log } = this.#options;
    const start = nextLsn(from);
    const countMax = from === undefined ? 1n : CATALOGUED_COUNT_MAX;
    if (to < start || to - start >= countMax) return;
    try {
      for await (const _ of commits.range(volumeId, { start, end: to }, signal));
    } catch (error) {
      if (!isGraftError(error)) throw error;
      log.warn({ volume: volumeId, error: error.message }, "news could not be read");
    }
  }
}
