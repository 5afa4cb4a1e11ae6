import { type Clock, GraftError } from "@graft/core";

/** How often those under way are looked at, ms. */
const LOOK_INTERVAL_MS = 5_000;
/** So long nobody is slow, ms. */
const GRACE_MS = 15_000;
/** Bytes a second on average, afterwards: a page of 4 KiB each second. */
const RATE_MIN = 4096;

/** A request whose body has not wholly arrived. */
export interface ArrivingRequest {
  /** Bytes so far. */
  readonly read: number;
  /** Monotonic. */
  readonly startMs: number;
  /** Ends it: its caller is too slow, and is told so. */
  cut(why: GraftError): void;
  /** It was told, and sends on. */
  drop(): void;
}

/**
 * Ends requests that arrive byte by byte: each holds a place among the calls that are worked on,
 * and some thousands of them would leave none.
 */
export class SlowRequests {
  readonly #arriving = new Set<ArrivingRequest>();
  readonly #told = new WeakSet<ArrivingRequest>();
  readonly #clock: Clock;
  readonly #stopped: AbortSignal;
  #isLooking = false;

  /** @param stopped ends the looking */
  constructor(clock: Clock, stopped: AbortSignal) {
    this.#clock = clock;
    this.#stopped = stopped;
  }

  add(request: ArrivingRequest): void {
    this.#arriving.add(request);
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#look();
  }

  /** It has arrived, or is over. */
  delete(request: ArrivingRequest): void {
    this.#arriving.delete(request);
  }

  async #look(): Promise<void> {
    while (this.#arriving.size > 0 && !this.#stopped.aborted) {
      await this.#clock.sleep(LOOK_INTERVAL_MS, this.#stopped).catch(() => undefined);
      this.#cutSlow(this.#clock.monotonicMs());
    }
    this.#isLooking = false;
  }

  #cutSlow(nowMs: number): void {
    for (const request of this.#arriving) {
      const ageMs = nowMs - request.startMs;
      if (ageMs < GRACE_MS || request.read >= (ageMs / 1000) * RATE_MIN) continue;
      if (this.#told.has(request)) {
        this.#arriving.delete(request);
        request.drop();
        continue;
      }
      this.#told.add(request);
      const facts = `${request.read} bytes in ${Math.round(ageMs)} ms`;
      const expected = `expected at least ${RATE_MIN} a second, or the end of the request`;
      request.cut(new GraftError("unavailable", `a request of ${facts}: ${expected}`));
    }
  }
}
