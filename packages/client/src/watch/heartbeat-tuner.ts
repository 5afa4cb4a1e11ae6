/** Consecutive streams that were cut while they were silent: not by chance. */
const CUT_COUNT = 2;
/** A stream that was heard of within so long was not cut for being silent, ms. */
const SILENCE_MIN_MS = 500;
const HEARTBEAT_MS_MIN = 1000;
const POLL_WAIT_MS = 25_000;
const POLL_WAIT_MS_MIN = 1000;

/** What is known of a stream that was cut. */
export interface CutStream {
  readonly transfer: "stream" | "poll";
  readonly heardMs: number;
  /** The longest silence that it outlived, ms. */
  readonly outlivedMs: number;
}

/**
 * How long a connection may be silent, learnt from those that were cut for it: proxies, NAT boxes
 * and balancers end what says nothing for their own idea of too long.
 */
export class HeartbeatTuner {
  readonly #defaultMs: number;
  #heartbeatMs: number;
  #waitMs: number = POLL_WAIT_MS;
  #cutCount = 0;

  constructor(heartbeatMs: number) {
    this.#defaultMs = heartbeatMs;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Ms between heartbeats that a stream is opened with. */
  get heartbeatMs(): number {
    return this.#heartbeatMs;
  }

  /** Ms that a long-poll waits. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** A stream that had answered was lost. */
  lost(stream: CutStream, nowMs: number): void {
    const silenceMs = nowMs - stream.heardMs;
    if (silenceMs < SILENCE_MIN_MS || silenceMs <= stream.outlivedMs) {
      this.#cutCount = 0;
      return;
    }
    this.#cutCount++;
    if (this.#cutCount < CUT_COUNT) return;
    this.#cutCount = 0;
    if (stream.transfer === "stream") {
      this.#heartbeatMs = shorter(this.#heartbeatMs, silenceMs, HEARTBEAT_MS_MIN);
    } else {
      this.#waitMs = shorter(this.#waitMs, silenceMs, POLL_WAIT_MS_MIN);
    }
  }

  /** Another network, perhaps. */
  reset(): void {
    this.#heartbeatMs = this.#defaultMs;
    this.#waitMs = POLL_WAIT_MS;
    this.#cutCount = 0;
  }
}

/** Half of the silence that was too long. */
function shorter(ms: number, silenceMs: number, minMs: number): number {
  return Math.max(minMs, Math.min(ms, Math.floor(silenceMs / 2)));
}
