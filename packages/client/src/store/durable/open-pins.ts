/**
 * What this process may still read, told to the others: the position it had reached when the oldest
 * of its open pins was opened. A lower bound is enough, so that a pin costs no write.
 *
 * ```
 * parked ──pin (tell first, then look at the log, then pin)──▶ reading ─▶ … told again when the
 *   ▲──────────────── no pin for a while ─────────────────────────┘         oldest pin was closed
 * ```
 */
import { type Clock, GraftError } from "@graft/core";
import { type Processes, READS_NOTHING } from "./processes.ts";

/** Pins that were opened at one position. */
export interface PinGroup {
  position: number;
  count: number;
}

/** Without a pin for so long, others are told that nothing is read. */
const PARK_MS = 75;

export class OpenPins {
  readonly #processes: Processes;
  readonly #clock: Clock | undefined;
  readonly #closing = new AbortController();
  /** Oldest first; the last takes new pins. */
  readonly #groups: PinGroup[];
  #latest: PinGroup;
  #told: number;
  /** Whether a pin was closed since the last look whether any is open. */
  #wasUsed = false;
  #isWaiting = false;
  /** Called when nothing was read for a while. */
  onQuiet: () => void = () => undefined;

  /** @param position what `processes` has told already */
  constructor(processes: Processes, clock: Clock | undefined, position: number) {
    this.#processes = processes;
    this.#clock = clock;
    this.#told = position;
    this.#latest = { position, count: 0 };
    this.#groups = [this.#latest];
    if (clock !== undefined) this.#parkLater(clock);
  }

  /** Whether `onQuiet` is called soon, if nothing is read meanwhile. */
  get isWatched(): boolean {
    return this.#isWaiting;
  }

  get isParked(): boolean {
    return this.#told === READS_NOTHING;
  }

  get isEmpty(): boolean {
    return this.#oldest() === undefined;
  }

  /** Whether a pin was opened before the position. */
  hasBefore(position: number): boolean {
    return (this.#oldest()?.position ?? READS_NOTHING) < position;
  }

  /**
   * Begins to read. The caller looks at the log afterwards, and pins then.
   *
   * @throws GraftError `io`: others would not know
   */
  unpark(): void {
    if (!this.isParked) return;
    this.#processes.publish(this.#latest.position);
    this.#told = this.#latest.position;
  }

  open(): PinGroup {
    this.#latest.count++;
    return this.#latest;
  }

  /** @param isAlone nobody is there to be told; who comes finds a lower bound */
  close(group: PinGroup, isAlone: boolean): void {
    group.count--;
    if (group.count > 0 || !this.isEmpty) return;
    if (this.#clock !== undefined) this.#parkLater(this.#clock);
    else if (!isAlone) this.#tell(READS_NOTHING);
  }

  /** The log was followed to here. */
  advance(position: number): void {
    if (this.#latest.position === position) return;
    if (this.#latest.count === 0) {
      this.#latest.position = position;
      return;
    }
    this.#latest = { position, count: 0 };
    this.#groups.push(this.#latest);
  }

  /** Tells others that older pins are gone, if they are. */
  tell(): void {
    if (this.isParked) return;
    this.#tell(this.#oldest()?.position ?? this.#latest.position);
  }

  stop(): void {
    this.#closing.abort();
  }

  #oldest(): PinGroup | undefined {
    const groups = this.#groups;
    while (groups.length > 1 && groups[0]?.count === 0) groups.shift();
    const first = groups[0];
    return first === undefined || first.count === 0 ? undefined : first;
  }

  #tell(position: number): void {
    if (this.#told === position) return;
    try {
      this.#processes.publish(position);
      this.#told = position;
    } catch (error) {
      // What was told last is a lower bound: others only wait longer.
      if (!(error instanceof GraftError)) throw error;
    }
  }

  /** One timer at most, and none while nothing is read. It ends by itself or with the store. */
  #parkLater(clock: Clock): void {
    this.#wasUsed = true;
    if (this.#isWaiting || this.isParked) return;
    this.#isWaiting = true;
    void this.#parkWhenQuiet(clock).catch(() => {
      this.#isWaiting = false;
    });
  }

  async #parkWhenQuiet(clock: Clock): Promise<void> {
    do {
      this.#wasUsed = false;
      await clock.sleep(PARK_MS, this.#closing.signal);
    } while (this.#wasUsed || !this.isEmpty);
    this.#isWaiting = false;
    this.onQuiet();
    this.#tell(READS_NOTHING);
  }
}
