import {
  createVolumeId,
  GraftError,
  type Lsn,
  MutablePageSet,
  toLsn,
  toPageCount,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedClock, settle } from "@graft/core/testing";
import type { RemoteEvent, RemoteNews, WatchRequest } from "../remote/remote.ts";
import { createNewsFeed } from "../watch/create-news-feed.ts";
import type { NewsFeed, NewsSubscriber } from "../watch/news-feed.ts";

export const HEARTBEAT: RemoteEvent = { kind: "heartbeat", draining: false };
export const FAREWELL: RemoteEvent = { kind: "heartbeat", draining: true };
export const LOST: GraftError = new GraftError("unavailable", "the connection was reset");

/** The server's end of one call of `watch`. */
export class Call {
  readonly request: WatchRequest;
  readonly #waiting: RemoteEvent[] = [];
  #failure: Error | undefined;
  #alarm = Promise.withResolvers<void>();
  #isOver = false;
  isOpen = true;

  constructor(request: WatchRequest) {
    this.request = request;
  }

  async say(...events: readonly RemoteEvent[]): Promise<void> {
    this.#waiting.push(...events);
    this.#alarm.resolve();
    await settle();
  }

  async fail(error: Error): Promise<void> {
    this.#failure = error;
    this.#alarm.resolve();
    await settle();
  }

  /** The stream ends as it should. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#alarm.resolve();
    await settle();
  }

  async *events(signal: AbortSignal | undefined): AsyncGenerator<RemoteEvent> {
    signal?.addEventListener("abort", () => void this.fail(signal.reason as Error));
    try {
      while (true) {
        for (const event of this.#waiting.splice(0)) yield event;
        signal?.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#isOver) return;
        await this.#alarm.promise;
        this.#alarm = Promise.withResolvers();
      }
    } finally {
      this.isOpen = false;
    }
  }

  asks(volumeId: VolumeId): boolean {
    return this.request.volumes.some((volume) => volume.volumeId === volumeId);
  }
}

/** A server whose every word the test says. */
export class ScriptedServer {
  readonly calls: Call[] = [];
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly random: SeededRandom = new SeededRandom(7);
  readonly feed: NewsFeed = createNewsFeed({
    remote: this,
    clock: this.clock,
    random: this.random,
  });

  watch(request: WatchRequest, signal?: AbortSignal): AsyncIterable<RemoteEvent> {
    const call = new Call(request);
    this.calls.push(call);
    return call.events(signal);
  }

  /** How often connections were let go. */
  reconnectCount = 0;

  reconnect(): void {
    this.reconnectCount++;
  }

  get open(): readonly Call[] {
    return this.calls.filter((call) => call.isOpen);
  }

  get last(): Call {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error("nobody has called");
    return call;
  }

  /** A replica at an LSN that writes down what it hears, and applies nothing by itself. */
  subscribe(lsn: bigint | undefined, volumeId: VolumeId = createVolumeId(this)): Listener {
    const listener = new Listener(volumeId, lsn === undefined ? undefined : toLsn(lsn));
    const subscription = this.feed.subscribe(listener);
    return Object.assign(listener, { close: () => subscription.close() });
  }

  /** A replica that is live. */
  async subscribeLive(lsn: bigint): Promise<Listener> {
    const listener = this.subscribe(lsn);
    await this.clock.advance(20);
    await this.last.say(HEARTBEAT);
    const [heard, ...more] = listener.heard.splice(0);
    if (heard !== "live" || more.length > 0) throw new Error("expected a volume that is live");
    return listener;
  }
}

export class Listener implements NewsSubscriber {
  readonly volumeId: VolumeId;
  readonly heard: string[] = [];
  at: Lsn | undefined;
  throws = false;
  close: () => void = () => undefined;

  constructor(volumeId: VolumeId, lsn: Lsn | undefined) {
    this.volumeId = volumeId;
    this.at = lsn;
  }

  lsn(): Lsn | undefined {
    return this.at;
  }
  onNews(news: RemoteNews): void {
    if (this.throws) throw new Error("broken");
    this.heard.push(`${news.from ?? 0}→${news.snapshot.lsn}`);
  }
  onResync(): void {
    this.heard.push("resync");
  }
  onLive(isLive: boolean): void {
    this.heard.push(isLive ? "live" : "stale");
  }
  onEnd(error: GraftError): void {
    this.heard.push(error.code);
  }
}

export function news(volumeId: VolumeId, from: bigint, to: bigint): RemoteEvent {
  const pageCount = toPageCount(1);
  const snapshot = { volumeId, lsn: toLsn(to), pageCount, pageSize: toPageSize(4096) };
  return {
    kind: "news",
    from: from === 0n ? undefined : toLsn(from),
    snapshot: snapshot as RemoteNews["snapshot"],
    changed: new MutablePageSet(),
    commitIds: [],
    pages: [],
  };
}
