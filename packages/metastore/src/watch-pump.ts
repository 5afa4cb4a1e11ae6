/**
 * Sends streams their events as bytes, each encoded once for all who get it:
 *
 *     woken ──▶ in line ──▶ its turn: the events there are, until the reader is slow
 *       ▲                                                                  │
 *       └──────────────── the reader has taken them ◀──────────────────────┘
 *
 * So many have their turn at once, then others of the process: a commit that thousands watch does
 * not hold up its own answer.
 */
import { toBinary } from "@bufbuild/protobuf";
import type { Clock } from "@graft/core";
import { WatchResponseSchema } from "@graft/proto-gen/metastore";
import { envelopeOf, fromWatchEvent, type StreamSink, type WatchEvent } from "@graft/rpc";
import type { WatchStream } from "./watch-stream.ts";

/**
 * Events told in one turn, of one stream or of many: at ≈ 30 µs each, 2 ms. A stream has mostly
 * one; it may begin with 10,000, when so many of its volumes are refused.
 */
const TURN_COUNT = 64;
/** Between looks at a reader that takes nothing, ms. */
const SLOW_MS = 1000;
/** Why a timer is stopped. One for all: making an error with its stack is dear. */
const OVER = new Error("the stream is over");

/** What a stream is to be told next. */
export type NextEvent = (stream: WatchStream) => WatchEvent | undefined;

interface Pumped {
  readonly stream: WatchStream;
  readonly sink: StreamSink;
  readonly over: () => void;
  isSlow: boolean;
}

export class WatchPump {
  readonly #clock: Clock;
  readonly #next: NextEvent;
  readonly #line = new Set<Pumped>();
  readonly #encoded = new WeakMap<WatchEvent, Uint8Array>();
  #isRunning = false;

  constructor(options: { readonly clock: Clock; readonly next: NextEvent }) {
    this.#clock = options.clock;
    this.#next = options.next;
  }

  /** Resolves when the stream was told its last event, or its signal is aborted. */
  async run(stream: WatchStream, sink: StreamSink, signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = new AbortController();
    const pumped: Pumped = { stream, sink, over: over.resolve, isSlow: false };
    stream.onWake = () => this.#enqueue(pumped);
    sink.onDrain(() => {
      pumped.isSlow = false;
      this.#enqueue(pumped);
    });
    const leave = (): void => over.resolve();
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    const heartbeats = this.#beat(pumped, timer.signal);
    this.#enqueue(pumped);
    await over.promise;
    stream.onWake = () => undefined;
    this.#line.delete(pumped);
    timer.abort(OVER);
    await heartbeats;
  }

  /** One timer a stream and heartbeat, whatever is told meanwhile. */
  async #beat(pumped: Pumped, signal: AbortSignal): Promise<void> {
    const { stream } = pumped;
    while (!signal.aborted) {
      // What is due is not told to a slow reader.
      const leastMs = pumped.isSlow ? SLOW_MS : 1;
      await this.#clock.sleep(Math.max(leastMs, stream.restMs), signal).catch(() => undefined);
      if (!signal.aborted) this.#enqueue(pumped);
    }
  }

  #enqueue(pumped: Pumped): void {
    if (pumped.isSlow) return;
    this.#line.add(pumped);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#runLine();
  }

  async #runLine(): Promise<void> {
    // Whoever made the news goes on first.
    await this.#clock.sleep(0);
    while (this.#line.size > 0) {
      let restCount = TURN_COUNT;
      for (const pumped of this.#line) {
        if (restCount <= 0) break;
        this.#line.delete(pumped);
        restCount -= 1 + this.#tell(pumped, restCount);
      }
      if (this.#line.size > 0) await this.#clock.sleep(0);
    }
    this.#isRunning = false;
  }

  /** @returns how many events it was told besides the first */
  #tell(pumped: Pumped, countMax: number): number {
    const { stream, sink, over } = pumped;
    for (let count = 0; count < countMax; count++) {
      const event = this.#next(stream);
      if (event === undefined) {
        if (stream.isOver) over();
        return Math.max(0, count - 1);
      }
      pumped.isSlow = !sink.send(this.#encode(event));
      if (pumped.isSlow) return count;
    }
    // The rest when the others have had their turn.
    this.#line.add(pumped);
    return countMax - 1;
  }

  #encode(event: WatchEvent): Uint8Array {
    const known = this.#encoded.get(event);
    if (known !== undefined) return known;
    const encoded = envelopeOf(toBinary(WatchResponseSchema, fromWatchEvent(event)));
    this.#encoded.set(event, encoded);
    return encoded;
  }
}
