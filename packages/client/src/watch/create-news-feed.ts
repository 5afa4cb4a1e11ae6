import {
  type Clock,
  GraftError,
  isGraftError,
  type Random,
  Supervisor,
  unreachable,
  type VolumeId,
} from "@graft/core";
import { getRetryAfterMs, WATCH_HEARTBEAT_MS } from "@graft/rpc";
import type { Remote, RemoteEvent, WatchRequest } from "../remote/remote.ts";
import { Audience, type Position } from "./audience.ts";
import { hasJumped, momentOf } from "./clock-jump.ts";
import type { NewsFeed, NewsSubscriber, NewsSubscription } from "./news-feed.ts";
import type { PlanAction } from "./plan-action.ts";
import { pollChain } from "./poll-chain.ts";
import { StreamPlan } from "./stream-plan.ts";

/** A server looks for the heads of 10 000 volumes before it answers; it has that long, ms. */
const ANSWER_MS_DEFAULT = 10_000;
/** How often the clocks are looked at: a machine that slept is back this soon. */
const TICK_MS = 5_000;
/** Why a wait ends early. One for all: making an error with its stack is dear. */
const WOKEN = new Error("there is something to do");

export interface NewsFeedOptions {
  /** The feed does not close it. */
  readonly remote: Pick<Remote, "watch" | "reconnect">;
  readonly clock: Clock;
  readonly random: Random;
  /** Ms between heartbeats while nothing happens, 1000 … 60 000; default 15 000. */
  readonly heartbeatMs?: number | undefined;
  /** Ms until a stream without an answer is doubted, and long-polled beside; default 10 000. */
  readonly answerMs?: number | undefined;
}

/** The news of one remote. Nothing is opened, and no timer runs, while nobody subscribes. */
export function createNewsFeed(options: NewsFeedOptions): NewsFeed {
  return new StreamingNewsFeed(options);
}

interface OpenStream {
  readonly id: number;
  readonly action: Extract<PlanAction, { kind: "open" }>;
  readonly controller: AbortController;
  /** Where each volume is for this stream. */
  readonly positions: Map<VolumeId, Position>;
}

/** The thin shell of `StreamPlan`: opens, reads and closes what it says, and tells the audience. */
class StreamingNewsFeed implements NewsFeed {
  readonly #options: NewsFeedOptions;
  readonly #plan: StreamPlan;
  readonly #audience: Audience;
  readonly #streams = new Map<number, OpenStream>();
  /** Volumes with a new listener, which may be live already. */
  readonly #joined = new Set<VolumeId>();
  readonly #tasks = new Supervisor(() => undefined);
  #alarm = new AbortController();
  #isRunning = false;

  constructor(options: NewsFeedOptions) {
    this.#options = options;
    const heartbeatMs = options.heartbeatMs ?? WATCH_HEARTBEAT_MS.default;
    const answerMs = options.answerMs ?? ANSWER_MS_DEFAULT;
    this.#plan = new StreamPlan({ random: options.random, heartbeatMs, answerMs });
    this.#audience = new Audience((volumeId) => {
      this.#act(this.#plan.unwatch(volumeId));
    });
  }

  subscribe(subscriber: NewsSubscriber): NewsSubscription {
    if (this.#tasks.signal.aborted) {
      throw new GraftError("invalid-argument", `volume ${subscriber.volumeId}: its feed is closed`);
    }
    const { leave, isFirst } = this.#audience.add(subscriber);
    if (isFirst) this.#plan.watch(subscriber.volumeId, this.#nowMs());
    this.#joined.add(subscriber.volumeId);
    this.#wake();
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#tasks.start("news", (signal) => this.#run(signal));
    }
    return { close: leave };
  }

  async close(): Promise<void> {
    const isClosed = this.#tasks[Symbol.asyncDispose]();
    this.#audience.clear();
    this.#wake();
    await isClosed;
  }

  /** Until nobody listens. */
  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted && !this.#audience.isEmpty) {
      this.#join();
      this.#act(this.#plan.due(this.#nowMs()));
      const before = momentOf(clock);
      const waitMs = this.#waitMs(before.monotonicMs);
      // Whatever woke us so far is done: from here to the sleep nothing can happen.
      this.#alarm = new AbortController();
      await clock.sleep(waitMs, this.#alarm.signal).catch(() => undefined);
      if (hasJumped(before, momentOf(clock), waitMs)) this.#act(this.#plan.jumped(this.#nowMs()));
    }
    this.#isRunning = false;
  }

  #waitMs(nowMs: number): number {
    if (this.#joined.size > 0) return 0;
    const nextMs = this.#plan.nextDueMs() ?? Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(nextMs - nowMs, TICK_MS));
  }

  #join(): void {
    const joined = [...this.#joined];
    this.#joined.clear();
    for (const volumeId of joined) this.#tellLive(volumeId);
  }

  #act(actions: readonly PlanAction[]): void {
    for (const action of actions) {
      switch (action.kind) {
        case "open":
          this.#open(action);
          break;
        case "close":
          this.#drop(action.streamId)?.controller.abort(WOKEN);
          break;
        case "reconnect":
          this.#options.remote.reconnect?.();
          break;
        case "live":
          for (const volumeId of action.volumeIds) this.#tellLive(volumeId);
          break;
        case "stale":
          for (const volumeId of action.volumeIds) this.#audience.tellStale(volumeId);
          break;
        default:
          unreachable(action);
      }
    }
    // What is due next may have changed.
    this.#wake();
  }

  #tellLive(volumeId: VolumeId): void {
    const streamId = this.#plan.liveStreamOf(volumeId);
    const stream = streamId === undefined ? undefined : this.#streams.get(streamId);
    const position = stream?.positions.get(volumeId);
    if (stream !== undefined && position !== undefined) {
      this.#audience.tellLive(volumeId, stream.id, position);
    }
  }

  #open(action: Extract<PlanAction, { kind: "open" }>): void {
    const positions = new Map<VolumeId, Position>();
    for (const volumeId of action.volumeIds) {
      positions.set(volumeId, {
        kind: "at",
        lsn: this.#audience.startOf(volumeId, action.streamId),
      });
    }
    const controller = new AbortController();
    const stream: OpenStream = { id: action.streamId, action, controller, positions };
    this.#streams.set(stream.id, stream);
    this.#tasks.start(`watch ${stream.id}`, (signal) => this.#read(stream, signal));
  }

  #drop(streamId: number): OpenStream | undefined {
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    return stream;
  }

  /** Takes up one event after the other: the next is made when this one was told to everybody. */
  async #read(stream: OpenStream, closing: AbortSignal): Promise<void> {
    const { signal } = stream.controller;
    const close = (): void => stream.controller.abort(closing.reason);
    closing.addEventListener("abort", close, { once: true });
    try {
      for await (const event of this.#events(stream)) {
        if (signal.aborted) return;
        this.#hear(stream, event);
        if (signal.aborted) return;
      }
      this.#lose(stream, new GraftError("unavailable", "the server ended the stream of news"));
    } catch (error) {
      if (!signal.aborted) this.#lose(stream, error);
    } finally {
      closing.removeEventListener("abort", close);
    }
  }

  #events(stream: OpenStream): AsyncIterable<RemoteEvent> {
    const { remote, clock } = this.#options;
    const { signal } = stream.controller;
    const { transfer, waitMs } = stream.action;
    if (transfer === "stream") return remote.watch(this.#requestOf(stream), signal);
    const request = (): WatchRequest => this.#requestOf(stream);
    return pollChain({ remote, clock, request, waitMs }, signal);
  }

  #requestOf({ id, action, positions }: OpenStream): WatchRequest {
    const { heartbeatMs } = action;
    // A poll need not ask for what nobody wants any more.
    for (const volumeId of this.#plan.shed(id)) positions.delete(volumeId);
    const volumeIds = [...positions.keys()];
    const volumes = volumeIds.map((volumeId) => {
      const position = positions.get(volumeId);
      const lsn = position?.kind === "at" ? position.lsn : this.#audience.startOf(volumeId, id);
      return lsn === undefined ? { volumeId } : { volumeId, lsn };
    });
    return { volumes, heartbeatMs, omitPages: this.#audience.omitsPages(volumeIds) };
  }

  #hear(stream: OpenStream, event: RemoteEvent): void {
    const { id, positions } = stream;
    const nowMs = this.#nowMs();
    switch (event.kind) {
      case "heartbeat":
        if (event.draining) this.#farewell(id, nowMs);
        else this.#act(this.#plan.beat(id, nowMs));
        return;
      case "news": {
        const { volumeId, lsn } = event.snapshot;
        this.#plan.heard(id, nowMs);
        if (!positions.has(volumeId)) return;
        positions.set(volumeId, { kind: "at", lsn });
        this.#audience.tellNews(event);
        return;
      }
      case "resync":
        this.#plan.heard(id, nowMs);
        if (!positions.has(event.volumeId)) return;
        positions.set(event.volumeId, { kind: "unknown" });
        this.#audience.tellResync(event.volumeId);
        return;
      case "end":
        positions.delete(event.volumeId);
        this.#act(this.#plan.ended(id, event.volumeId, nowMs));
        if (isFinal(event.error)) this.#audience.end(event.volumeId, event.error);
        return;
      default:
        unreachable(event);
    }
  }

  #farewell(streamId: number, nowMs: number): void {
    this.#act(this.#plan.lost(streamId, { isFarewell: true }, nowMs));
    this.#act([{ kind: "close", streamId }]);
  }

  #lose(stream: OpenStream, error: unknown): void {
    if (isGraftError(error) && !isFinal(error)) {
      const loss = { retryAfterMs: getRetryAfterMs(error) };
      this.#act(this.#plan.lost(stream.id, loss, this.#nowMs()));
    } else {
      const message = "the stream of news broke";
      const reason = isGraftError(error)
        ? error
        : new GraftError("internal", message, { cause: error });
      for (const volumeId of this.#plan.wantedOf(stream.id)) this.#audience.end(volumeId, reason);
    }
    this.#drop(stream.id);
  }

  #wake(): void {
    this.#alarm.abort(WOKEN);
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

/** Whether asking again would get the same answer. */
function isFinal(error: GraftError): boolean {
  return isGraftError(
    error,
    "unauthenticated",
    "permission-denied",
    "not-found",
    "invalid-argument",
  );
}
