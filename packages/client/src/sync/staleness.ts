import type { Clock } from "@graft/core";

/** Since when a replica may lack something that the server has. */
export class Staleness {
  readonly #clock: Clock;
  #sinceMs: number | undefined;
  #hasReached = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** As `VolumeStatus.lagMs`. */
  get lagMs(): number | undefined {
    if (this.#sinceMs === undefined) return 0;
    return this.#hasReached ? this.#clock.monotonicMs() - this.#sinceMs : undefined;
  }

  /** It may lack something from now on. */
  begin(): void {
    this.#sinceMs ??= this.#clock.monotonicMs();
  }

  /** It had everything a moment ago. */
  refresh(): void {
    this.#hasReached = true;
    this.#sinceMs = this.#clock.monotonicMs();
  }

  /** It has everything, and is told of what comes. True when that is new. */
  end(): boolean {
    const isNew = this.#sinceMs !== undefined;
    this.#hasReached = true;
    this.#sinceMs = undefined;
    return isNew;
  }
}
