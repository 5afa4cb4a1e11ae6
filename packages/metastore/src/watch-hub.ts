/**
 * Who watches which volume, and what each stream still has to say. A stream keeps no queue: it
 * keeps the LSN its reader has, and which of its volumes have moved since. What moved is folded
 * when the reader takes the next event, so a slow reader gets fewer, larger events, and memory
 * does not grow with its delay.
 *
 *     commit ──▶ mark the volume in every stream that watches it ──▶ wake the stream
 *     stream ──▶ take a marked volume ──▶ news (from, head] │ resync │ nothing new
 */
import type { VolumeCatalog } from "@graft/catalog";
import { type Clock, GraftError, mapConcurrent, type VolumeId } from "@graft/core";
import type { StreamSink, WatchEvent, WatchRequest } from "@graft/rpc";
import { FoldedNews } from "./folded-news.ts";
import type { KnownHeads } from "./known-heads.ts";
import { WatchPump } from "./watch-pump.ts";
import { WatchStream } from "./watch-stream.ts";
import type { WatchTally } from "./watch-tally.ts";
import type { WatchTerms } from "./watch-terms.ts";

/**
 * Streams of one server: at 10 000 volumes each and ≈ 100 bytes a volume, the memory of a large
 * server.
 */
const STREAM_COUNT_MAX = 10_000;
/**
 * Volumes of all streams together: at ≈ 200 bytes each, 200 MiB would be too much; this is 40 MiB.
 */
const SUBSCRIPTION_COUNT_MAX = 200_000;
/** Heads looked for side by side when a stream opens. */
const OPEN_CONCURRENCY = 16;
/** Events that one stream is told in one turn. */
const TURN_COUNT = 64;
/** Why a timer is stopped. One for all: making an error with its stack is dear. */
const WOKEN = new Error("there is something to say");
const HEARTBEAT: WatchEvent = { kind: "heartbeat", draining: false };
const FAREWELL: WatchEvent = { kind: "heartbeat", draining: true };

export interface WatchHubOptions {
  readonly catalog: VolumeCatalog;
  readonly heads: KnownHeads;
  readonly clock: Clock;
  readonly tally: WatchTally;
  /** Told when a volume gets its first watcher, and when its last one has left. */
  readonly onWatched?: ((volumeId: VolumeId, isWatched: boolean) => void) | undefined;
}

export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #streams = new Set<WatchStream>();
  readonly #watchers = new Map<VolumeId, Set<WatchStream>>();
  #subscriptionCount = 0;
  readonly #news: FoldedNews;
  readonly #pump: WatchPump;
  #isDraining = false;

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.#news = new FoldedNews(options.catalog);
    this.#pump = new WatchPump({ clock: options.clock, next: (stream) => this.#next(stream) });
  }

  /**
   * The events of a stream, until its signal is aborted or the hub drains. The first event after
   * the news that the reader missed is a heartbeat: from then on it has everything. A long-poll
   * ends with it, and puts it off while there is no news. A volume whose head cannot be found is
   * ended alone.
   *
   * @throws GraftError `resource-exhausted` when there are too many watchers; `unauthenticated`
   *   once the reader's token is no longer valid
   */
  async *watch(
    request: WatchRequest,
    signal: AbortSignal,
    terms?: WatchTerms,
  ): AsyncGenerator<WatchEvent> {
    const stream = this.#open(request, signal, terms);
    let count = 0;
    try {
      await this.#catchUp(stream, signal);
      while (!signal.aborted) {
        const event = this.#next(stream);
        if (event !== undefined) {
          yield event;
          // A reader that takes them as fast as they come does not keep others waiting.
          if (++count % TURN_COUNT === 0) await this.#options.clock.sleep(0);
        } else if (stream.isOver) break;
        else await this.#wait(stream);
      }
      stream.throwIfRevoked();
    } finally {
      this.#close(stream);
    }
  }

  /**
   * As `watch`, as encoded bytes: resolves when the stream is over, or its signal is aborted.
   *
   * @throws GraftError as `watch`
   */
  async stream(
    request: WatchRequest,
    sink: StreamSink,
    signal: AbortSignal,
    terms?: WatchTerms,
  ): Promise<void> {
    const stream = this.#open(request, signal, terms);
    try {
      await this.#catchUp(stream, signal);
      await this.#pump.run(stream, sink, signal);
      stream.throwIfRevoked();
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
    const watchers = this.#watchers.get(volumeId);
    if (watchers === undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    for (const stream of watchers) stream.mark(volumeId, nowMs);
  }

  /** Tells every reader to go elsewhere, and ends the streams. New ones are ended at once. */
  drain(): void {
    this.#isDraining = true;
    for (const stream of this.#streams) stream.onWake();
  }

  /** Streams open now. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Volumes of all streams together. */
  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  #open(request: WatchRequest, signal: AbortSignal, terms: WatchTerms | undefined): WatchStream {
    const count = this.#subscriptionCount + request.volumes.length;
    if (this.#streams.size >= STREAM_COUNT_MAX || count > SUBSCRIPTION_COUNT_MAX) {
      throw new GraftError(
        "resource-exhausted",
        `this server watches as much as it can: ${this.#streams.size} streams, ` +
          `${this.#subscriptionCount} volumes; watch fewer, or ask another server`,
      );
    }
    const stream = new WatchStream(request, this.#options.clock, terms);
    this.#streams.add(stream);
    this.#subscriptionCount += request.volumes.length;
    for (const { volumeId } of request.volumes) {
      const watchers = this.#watchers.get(volumeId) ?? new Set();
      this.#watchers.set(volumeId, watchers.add(stream));
      if (watchers.size === 1) this.#options.onWatched?.(volumeId, true);
    }
    // A reader that leaves does not always end the generator: its signal does.
    signal.addEventListener("abort", () => this.#close(stream), { once: true });
    terms?.whenInvalid.then(
      (error) => this.#revoke(stream, error),
      () => undefined,
    );
    return stream;
  }

  /** Ends all that a stream watches, and then itself. */
  #revoke(stream: WatchStream, error: GraftError): void {
    for (const volumeId of stream.volumeIds()) this.#leave(stream, volumeId);
    stream.revoke(error);
  }

  #close(stream: WatchStream): void {
    stream.onWake();
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

  /** What a stream is told next. Undefined: nothing now, or, when it is over, nothing ever. */
  #next(stream: WatchStream): WatchEvent | undefined {
    if (stream.isOver) return undefined;
    const event = this.#nextEnd(stream) ?? this.#nextNews(stream);
    if (event !== undefined) {
      stream.isTold = true;
      return event;
    }
    if (stream.isRevoked) {
      stream.isOver = true;
      return undefined;
    }
    if (this.#isDraining) {
      stream.isOver = true;
      this.#options.tally.told(FAREWELL);
      return FAREWELL;
    }
    const isAnswered = stream.isLongPoll && stream.isTold;
    if (!isAnswered && !stream.isDue()) return undefined;
    stream.isOver = stream.isLongPoll;
    this.#options.tally.told(HEARTBEAT);
    return HEARTBEAT;
  }

  #nextEnd(stream: WatchStream): WatchEvent | undefined {
    const event = stream.takeEnd();
    if (event !== undefined) this.#options.tally.told(event);
    return event;
  }

  #nextNews(stream: WatchStream): WatchEvent | undefined {
    for (;;) {
      const marked = stream.takeMarked();
      if (marked === undefined) return undefined;
      const event = this.#eventOf(stream, marked.volumeId);
      if (event === undefined) continue;
      this.#options.tally.told(event, marked.movedMs);
      return event;
    }
  }

  /** Resolves when the stream is woken, or its heartbeat is due. */
  async #wait(stream: WatchStream): Promise<void> {
    const timer = new AbortController();
    const woken = Promise.withResolvers<void>();
    stream.onWake = woken.resolve;
    const due = this.#options.clock.sleep(stream.restMs, timer.signal).catch(() => undefined);
    await Promise.race([woken.promise, due]);
    timer.abort(WOKEN);
  }

  /**
   * Marks every volume whose head is not what the reader has; ends those that cannot be looked at.
   */
  async #catchUp(stream: WatchStream, signal: AbortSignal): Promise<void> {
    const options = { concurrency: OPEN_CONCURRENCY, signal };
    await mapConcurrent(stream.volumeIds(), options, async (volumeId, _at, each) => {
      try {
        await this.#compare(stream, volumeId, each);
      } catch (error) {
        if (!(error instanceof GraftError)) throw error;
        this.#leave(stream, volumeId);
        const { code, message } = error;
        stream.end({ kind: "end", volumeId, code, message });
      }
    });
  }

  async #compare(stream: WatchStream, volumeId: VolumeId, signal: AbortSignal): Promise<void> {
    const { heads, clock } = this.#options;
    const has = stream.lsnOf(volumeId) ?? 0n;
    let head = await heads.latest(volumeId, signal);
    // A reader that knows more than we do learnt it from the store: look there.
    if ((head ?? 0n) < has) head = await heads.refresh(volumeId, signal);
    if ((head ?? 0n) !== has) stream.mark(volumeId, clock.monotonicMs());
  }

  #eventOf(stream: WatchStream, volumeId: VolumeId): WatchEvent | undefined {
    const from = stream.lsnOf(volumeId);
    const head = stream.within(volumeId, this.#options.heads.peek(volumeId));
    if (head === from) return undefined;
    // The reader claims commits that the store does not have: what it holds is not this volume's
    // history.
    if (head === undefined) return { kind: "resync", volumeId };
    stream.moveTo(volumeId, head);
    return this.#news.of({ volumeId, from, head, omitPages: stream.omitPages });
  }
}
