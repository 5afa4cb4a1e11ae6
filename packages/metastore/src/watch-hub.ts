/**
 * Who watches which volume, and what each stream still has to say. A stream keeps no queue: it
 * keeps the LSN its reader has, and which of its volumes have moved since. What moved is folded
 * when the reader takes the next event, so a slow reader gets fewer, larger events, and memory
 * does not grow with its delay.
 *
 *     commit ──▶ mark the volume in every stream that watches it ──▶ wake the stream
 *     stream ──▶ take a marked volume ──▶ news (from, head] │ resync │ nothing new
 */
import type { CatalogCommit, VolumeCatalog } from "@graft/catalog";
import { type Clock, GraftError, type Lsn, mapConcurrent, toLsn, type VolumeId } from "@graft/core";
import type { WatchEvent, WatchRequest } from "@graft/rpc";
import type { KnownHeads } from "./known-heads.ts";
import { foldNews } from "./watch-news.ts";
import { WatchStream } from "./watch-stream.ts";

/**
 * Streams of one server: at 10 000 volumes each and ≈ 100 bytes a volume, the memory of a large
 * server.
 */
const STREAM_COUNT_MAX = 10_000;
/**
 * Volumes of all streams together: at ≈ 200 bytes each, 200 MiB would be too much; this is 40 MiB.
 */
const SUBSCRIPTION_COUNT_MAX = 200_000;
/** Commits that one event folds; a reader further behind pulls. */
const FOLD_COUNT_MAX = 1024n;
/** Heads looked for side by side when a stream opens. */
const OPEN_CONCURRENCY = 16;

export interface WatchHubOptions {
  readonly catalog: VolumeCatalog;
  readonly heads: KnownHeads;
  readonly clock: Clock;
  /** Told when a volume gets its first watcher, and when its last one has left. */
  readonly onWatched?: ((volumeId: VolumeId, isWatched: boolean) => void) | undefined;
}

export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #streams = new Set<WatchStream>();
  readonly #watchers = new Map<VolumeId, Set<WatchStream>>();
  #subscriptionCount = 0;
  #isDraining = false;

  constructor(options: WatchHubOptions) {
    this.#options = options;
  }

  /**
   * The events of a stream, until its signal is aborted or the hub drains. The first event after
   * the news that the reader missed is a heartbeat: from then on it has everything. A long-poll
   * ends with it, and puts it off while there is no news. A volume whose head cannot be found is
   * ended alone.
   *
   * @throws GraftError `resource-exhausted` when there are too many watchers
   */
  async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const stream = this.#open(request, signal);
    try {
      const ends = await this.#catchUp(stream, signal);
      yield* ends;
      let isTold = ends.length > 0;
      while (!signal.aborted) {
        const volumeId = stream.takeMarked();
        if (volumeId !== undefined) {
          const event = this.#eventOf(stream, volumeId, request.omitPages);
          if (event !== undefined) yield event;
          isTold ||= event !== undefined;
          continue;
        }
        if (this.#isDraining) {
          yield { kind: "heartbeat", draining: true };
          return;
        }
        const isOver = isTold && request.waitMs !== undefined;
        if (isOver || stream.isDue()) {
          yield { kind: "heartbeat", draining: false };
          if (request.waitMs !== undefined) return;
        } else {
          await stream.wait();
        }
      }
    } finally {
      this.#close(stream);
    }
  }

  /** Whether somebody watches the volume. */
  isWatched(volumeId: VolumeId): boolean {
    return this.#watchers.has(volumeId);
  }

  /** The volume has a new head. */
  publish(volumeId: VolumeId): void {
    for (const stream of this.#watchers.get(volumeId) ?? []) stream.mark(volumeId);
  }

  /** Tells every reader to go elsewhere, and ends the streams. New ones are ended at once. */
  drain(): void {
    this.#isDraining = true;
    for (const stream of this.#streams) stream.wake();
  }

  /** Streams open now. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Volumes of all streams together. */
  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  #open(request: WatchRequest, signal: AbortSignal): WatchStream {
    const count = this.#subscriptionCount + request.volumes.length;
    if (this.#streams.size >= STREAM_COUNT_MAX || count > SUBSCRIPTION_COUNT_MAX) {
      throw new GraftError(
        "resource-exhausted",
        `this server watches as much as it can: ${this.#streams.size} streams, ` +
          `${this.#subscriptionCount} volumes; watch fewer, or ask another server`,
      );
    }
    const stream = new WatchStream(request, this.#options.clock);
    this.#streams.add(stream);
    this.#subscriptionCount += request.volumes.length;
    for (const { volumeId } of request.volumes) {
      const watchers = this.#watchers.get(volumeId) ?? new Set();
      this.#watchers.set(volumeId, watchers.add(stream));
      if (watchers.size === 1) this.#options.onWatched?.(volumeId, true);
    }
    // A reader that leaves does not always end the generator: its signal does.
    signal.addEventListener("abort", () => this.#close(stream), { once: true });
    return stream;
  }

  #close(stream: WatchStream): void {
    stream.wake();
    if (!this.#streams.delete(stream)) return;
    for (const volumeId of stream.volumeIds()) this.#leave(stream, volumeId);
  }

  #leave(stream: WatchStream, volumeId: VolumeId): void {
    const watchers = this.#watchers.get(volumeId);
    if (watchers?.delete(stream) !== true) return;
    this.#subscriptionCount--;
    if (watchers.size > 0) return;
    this.#watchers.delete(volumeId);
    this.#options.onWatched?.(volumeId, false);
  }

  /**
   * Marks every volume whose head is not what the reader has; ends those that cannot be looked at.
   */
  async #catchUp(stream: WatchStream, signal: AbortSignal): Promise<readonly WatchEvent[]> {
    const options = { concurrency: OPEN_CONCURRENCY, signal };
    const ends = await mapConcurrent(stream.volumeIds(), options, async (volumeId, _at, each) => {
      try {
        await this.#compare(stream, volumeId, each);
        return [];
      } catch (error) {
        if (!(error instanceof GraftError)) throw error;
        this.#leave(stream, volumeId);
        const { code, message } = error;
        return [{ kind: "end" as const, volumeId, code, message }];
      }
    });
    return ends.flat();
  }

  async #compare(stream: WatchStream, volumeId: VolumeId, signal: AbortSignal): Promise<void> {
    const { heads } = this.#options;
    const has = stream.lsnOf(volumeId) ?? 0n;
    let head = await heads.latest(volumeId, signal);
    // A reader that knows more than we do learnt it from the store: look there.
    if ((head ?? 0n) < has) head = await heads.refresh(volumeId, signal);
    if ((head ?? 0n) !== has) stream.mark(volumeId);
  }

  #eventOf(stream: WatchStream, volumeId: VolumeId, omitPages: boolean): WatchEvent | undefined {
    const from = stream.lsnOf(volumeId);
    const head = this.#options.heads.peek(volumeId);
    if (head === from) return undefined;
    // The reader claims commits that the store does not have: what it holds is not this volume's
    // history.
    if (head === undefined) return { kind: "resync", volumeId };
    stream.moveTo(volumeId, head);
    const commits = this.#heldCommits(volumeId, from ?? 0n, head);
    if (commits === undefined) return { kind: "resync", volumeId };
    return foldNews(from, commits, { omitPages });
  }

  /**
   * Undefined: too many, or no longer in memory, or the reader is ahead of us: it had better pull.
   */
  #heldCommits(volumeId: VolumeId, from: bigint, head: Lsn): readonly CatalogCommit[] | undefined {
    if (from > head || head - from > FOLD_COUNT_MAX) return undefined;
    const held = this.#options.catalog.range(volumeId, { floor: toLsn(from + 1n), head });
    return held && [...held];
  }
}
