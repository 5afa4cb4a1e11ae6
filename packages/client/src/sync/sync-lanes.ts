import { KeyedLimiter, type Permit } from "@graft/core";

/**
 * How many volumes of a client speak with the server at once, by what they want. A large push, or
 * one that is never answered, keeps only its own lane busy.
 */
const LANES = {
  /** A pull, or a push of a few pages: a request that is answered in a moment. */
  small: 32,
  /** A push in parts: each holds up to 4 parts of 3.75 MiB in memory. */
  large: 4,
  /** Pages that nobody waits for. */
  background: 2,
} as const;

export type SyncLane = keyof typeof LANES;

/** First come, first served, in each lane. */
export class SyncLanes {
  readonly #limiters: Readonly<Record<SyncLane, KeyedLimiter<string>>> = {
    small: new KeyedLimiter(LANES.small),
    large: new KeyedLimiter(LANES.large),
    background: new KeyedLimiter(LANES.background),
  };

  enter(lane: SyncLane, signal: AbortSignal | undefined): Promise<Permit> {
    return this.#limiters[lane].acquire(lane, signal);
  }
}
