import { GraftError } from "@graft/core";
import { nothingWritten } from "../error-mapping.ts";
import type { MetricsRegistry } from "../metrics.ts";

/** What one server works on at once; whoever comes then is sent away. */
export interface InFlightLimits {
  /** Calls, streams of news not counted. */
  readonly callCountMax: number;
  /** Bytes of large requests, as announced, or as usual for their route. */
  readonly sizeMax: number;
  /** Bytes of answers that wait for their readers; default 256 MiB. */
  readonly answerSizeMax?: number | undefined;
}

/** 85 answers of 3 MiB to readers at whom bytes pile up: others take theirs as they come. */
const ANSWER_SIZE_MAX_DEFAULT: number = 256 * 1024 * 1024;

/**
 * At a store that takes 10 s for a request, 200 calls a second; at one that takes 5 ms, more than
 * the processor can do. Of memory: 32 uploads of 4 MiB, and 2,048 small calls of 64 KiB.
 */
export const IN_FLIGHT_DEFAULT: InFlightLimits = {
  callCountMax: 2048,
  sizeMax: 128 * 1024 * 1024,
};

/**
 * What a request counts that does not say how large it is, unless its route says otherwise. One
 * that is not larger is small: it is never sent away because of uploads.
 */
export const REQUEST_SIZE_USUAL: number = 64 * 1024;

/** How long who is sent away is to wait, ms: not all of them equally long. */
const RETRY_AFTER_MS = { min: 250, max: 1000 };
/** Coprime with the span: neighbours are sent far from each other. */
const RETRY_AFTER_STEP_MS = 337;

/**
 * Calls that a server works on, and how much memory their requests take. A call beyond the limits
 * is refused before its body is read, so that neither a crowd nor a slow object store grows memory.
 */
export class InFlight {
  readonly #limits: InFlightLimits;
  #callCount = 0;
  #size = 0;
  #refusedCount = 0;
  #wasCrowded = false;
  #answerSize = 0;

  constructor(limits: InFlightLimits, metrics: MetricsRegistry) {
    this.#limits = limits;
    const gauge = (name: string, help: string, read: () => number): void =>
      metrics.callback("gauge", name, help, () => [{ labels: {}, value: read() }]);
    gauge("graft_calls_in_flight", "Calls being worked on.", () => this.#callCount);
    gauge(
      "graft_call_bytes_in_flight",
      "Bytes of the large ones among their requests.",
      () => this.#size,
    );
    gauge(
      "graft_answer_bytes_waiting",
      "Bytes of answers that their readers have not taken yet.",
      () => this.#answerSize,
    );
    const refused = "Calls sent away because of too many.";
    metrics.callback("counter", "graft_calls_refused_total", refused, () => [
      { labels: {}, value: this.#refusedCount },
    ]);
  }

  /**
   * Undefined: it may go on, until `leave`. Else what it is to be told: nothing was done for it.
   */
  enter(size: number): GraftError | undefined {
    const { callCountMax, answerSizeMax = ANSWER_SIZE_MAX_DEFAULT } = this.#limits;
    if (this.#callCount >= callCountMax || this.#answerSize >= answerSizeMax) return this.#refuse();
    if (!this.#fits(0, size)) return this.#refuseLarge();
    this.#callCount++;
    this.#size += largeOf(size);
    return undefined;
  }

  /** A call's request turns out to be larger. As `enter`; refused, it stays as it was. */
  grow(from: number, to: number): GraftError | undefined {
    if (!this.#fits(from, to)) return this.#refuseLarge();
    this.#size += largeOf(to) - largeOf(from);
    return undefined;
  }

  /** It was answered, or its caller has left. */
  leave(size: number): void {
    this.#callCount--;
    this.#size -= largeOf(size);
  }

  /** So much of an answer waits for its reader, from now until `taken`. */
  untaken(size: number): void {
    this.#answerSize += size;
  }

  /** It was taken, or given up. */
  taken(size: number): void {
    this.#answerSize -= size;
  }

  /** Whether a large call was sent away for others since this was asked last. */
  takeCrowded(): boolean {
    const wasCrowded = this.#wasCrowded;
    this.#wasCrowded = false;
    return wasCrowded;
  }

  /** One that is larger than all may go when it is the only large one. */
  #fits(from: number, to: number): boolean {
    const [before, large] = [largeOf(from), largeOf(to)];
    const others = this.#size - before;
    return large === 0 || others === 0 || others + large <= this.#limits.sizeMax;
  }

  #refuseLarge(): GraftError {
    this.#wasCrowded = true;
    return this.#refuse();
  }

  #refuse(): GraftError {
    this.#refusedCount++;
    const spanMs = RETRY_AFTER_MS.max - RETRY_AFTER_MS.min;
    const retryAfterMs = RETRY_AFTER_MS.min + ((this.#refusedCount * RETRY_AFTER_STEP_MS) % spanMs);
    return new GraftError(
      "unavailable",
      `this server works on as much as it can: ${this.#callCount} calls, large ones of ${this.#size} ` +
        `bytes, answers of ${this.#answerSize} not taken; nothing was done, repeat the request in ${retryAfterMs} ms`,
      { details: { ...nothingWritten, retryAfterMs } },
    );
  }
}

/** Whether a request of so many bytes takes room from others. */
export function isLarge(size: number): boolean {
  return size > REQUEST_SIZE_USUAL;
}

function largeOf(size: number): number {
  return isLarge(size) ? size : 0;
}
