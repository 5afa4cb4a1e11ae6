import { type Clock, GraftError } from "@graft/core";

/** How often those under way are looked at, ms. */
const LOOK_INTERVAL_MS = 5_000;
/** So long nobody is slow, ms. */
const GRACE_MS = 15_000;
/** Bytes a second on average, afterwards: a page of 4 KiB each second. */
const RATE_MIN = 4096;
/** Looks between which a large request must have moved while others are sent away: 10 s. */
const CROWDED_LOOK_COUNT = 2;
/** Bytes a second in that time: half a megabit. 32 MiB take nine minutes at most. */
const CROWDED_RATE_MIN: number = 64 * 1024;

/** A request whose body has not wholly arrived. */
export interface ArrivingRequest {
  /** Bytes so far. */
  readonly read: number;
  /** Monotonic. */
  readonly startMs: number;
  /** Whether it keeps room from other large ones. */
  readonly isLarge: boolean;
  /** Ends it: its caller is too slow, and is told so. */
  cut(why: GraftError): void;
  /** It was told, and sends on. */
  drop(): void;
}

/**
 * Ends requests that arrive byte by byte: each holds a place among the calls that are worked on,
 * and some thousands of them would leave none. Of large ones a few hold all the room there is:
 * while others are sent away for them, these have to be faster.
 */
export class SlowRequests {
  /** What each had read at the last looks, the oldest first. */
  readonly #arriving = new Map<ArrivingRequest, number[]>();
  readonly #told = new WeakSet<ArrivingRequest>();
  readonly #clock: Clock;
  readonly #stopped: AbortSignal;
  readonly #wasCrowded: () => boolean;
  #isLooking = false;

  /**
   * @param stopped ends the looking
   * @param wasCrowded whether anybody was sent away for large requests since it was asked last
   */
  constructor(clock: Clock, stopped: AbortSignal, wasCrowded: () => boolean) {
    this.#clock = clock;
    this.#stopped = stopped;
    this.#wasCrowded = wasCrowded;
  }

  add(request: ArrivingRequest): void {
    this.#arriving.set(request, [request.read]);
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
    const isCrowded = this.#wasCrowded();
    for (const [request, looks] of this.#arriving) {
      const ageMs = nowMs - request.startMs;
      looks.push(request.read);
      const before = looks.length > CROWDED_LOOK_COUNT ? looks.shift() : undefined;
      const why =
        slowness(request, ageMs) ??
        (isCrowded && request.isLarge ? crowding(request, before) : undefined);
      if (why === undefined) continue;
      if (this.#told.has(request)) {
        this.#arriving.delete(request);
        request.drop();
        continue;
      }
      this.#told.add(request);
      request.cut(new GraftError("unavailable", why));
    }
  }
}

function slowness({ read }: ArrivingRequest, ageMs: number): string | undefined {
  if (ageMs < GRACE_MS || read >= (ageMs / 1000) * RATE_MIN) return undefined;
  const expected = `expected at least ${RATE_MIN} a second, or the end of the request`;
  return `a request of ${read} bytes in ${Math.round(ageMs)} ms: ${expected}`;
}

/** @param before what it had read two looks ago; undefined: it had not begun */
function crowding({ read }: ArrivingRequest, before: number | undefined): string | undefined {
  const seconds = (CROWDED_LOOK_COUNT * LOOK_INTERVAL_MS) / 1000;
  if (before === undefined || read - before >= seconds * CROWDED_RATE_MIN) return undefined;
  const expected = `expected at least ${CROWDED_RATE_MIN} a second while others wait for room`;
  return `a large request of ${read - before} bytes in the last ${seconds} s: ${expected}`;
}
