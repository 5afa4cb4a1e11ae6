/**
 * The newest LSN of each volume, as this node knows it.
 *
 *     unknown ──search──▶ known ──a commit of this node──▶ known (higher)
 *        ▲                 │
 *        └─────────────────┘ a commit was seen that did not pass through here, or may land later
 *
 * With one node a store (`--notify none`) a known head is the head: every commit passes through
 * here, and an idle volume costs nothing. A commit whose outcome is unknown may land later; for a
 * while after it the volume is searched again on every question. With several (`--notify probe`, or
 * hints) no head is known for good: each question for the latest looks whether the next LSN is
 * there. What is known only grows.
 */
import { type Clock, Coalescer, type Lsn, type VolumeId } from "@graft/core";
import { FreshFlights } from "./fresh-flights.ts";
import type { VolumeLog } from "./volume-log.ts";
import { within } from "./within.ts";

/** A PUT without an answer is not expected to land later than this, ms. */
export const DOUBT_MS = 120_000;
/**
 * A look at the store at the very most, ms: what the store does not answer by then it never does.
 */
const LOOK_TIMEOUT_MS = 60_000;
/** Volumes remembered at most: at ≈ 200 bytes each, 20 MiB. */
const VOLUME_COUNT_MAX = 100_000;

interface HeadEntry {
  /** The newest LSN that was seen; undefined: none was. */
  readonly lsn: Lsn | undefined;
  /** Nothing above it exists. */
  readonly isHead: boolean;
  /** Until then, monotonic ms, a commit may appear by itself. */
  readonly doubtUntilMs: number;
}

const NOTHING: HeadEntry = { lsn: undefined, isHead: false, doubtUntilMs: 0 };

export interface HeadListener {
  /** A head above the known one that this node did not make: another one did. */
  onFound(volumeId: VolumeId, from: Lsn | undefined, to: Lsn): void;
  /** For `DOUBT_MS` from now on a commit of this node may land by itself. */
  onDoubt(volumeId: VolumeId): void;
}

export interface KnownHeadsOptions {
  readonly log: VolumeLog;
  readonly clock: Clock;
  /** Whether all commits of the store go through this node. */
  readonly isAlone: boolean;
}

export class KnownHeads {
  readonly #log: VolumeLog;
  readonly #clock: Clock;
  readonly #isAlone: boolean;
  /** Alone, an acknowledged commit went through here, so that any look-up knows of it. */
  readonly #searches: Pick<FreshFlights<VolumeId, Lsn | undefined>, "run">;
  #listener: HeadListener | undefined;
  /** Least recently used first. */
  readonly #entries = new Map<VolumeId, HeadEntry>();

  constructor(options: KnownHeadsOptions) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#isAlone = options.isAlone;
    this.#searches = this.#isAlone ? new Coalescer() : new FreshFlights();
  }

  /** Begins to tell. One listener. */
  listen(listener: HeadListener): void {
    this.#listener = listener;
  }

  /** The newest LSN that was seen here: a lower bound. Asks nobody. */
  peek(volumeId: VolumeId): Lsn | undefined {
    return this.#entries.get(volumeId)?.lsn;
  }

  /**
   * The newest LSN; undefined when the volume has no commit. From memory once it is known, when
   * this node is alone; else never older than the question.
   */
  async latest(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<Lsn | undefined> {
    const entry = this.#entries.get(volumeId) ?? NOTHING;
    const isInDoubt = entry.doubtUntilMs > this.#clock.monotonicMs();
    const isKnown = this.#isAlone && entry.isHead && !isInDoubt;
    if (!isKnown) return await this.refresh(volumeId, signal);
    this.#remember(volumeId, entry);
    return entry.lsn;
  }

  /** Whether an LSN is known to exist: then no newer one need be looked for. */
  covers(volumeId: VolumeId, lsn: Lsn): boolean {
    return (this.peek(volumeId) ?? 0n) >= lsn;
  }

  /**
   * The newest LSN, asked of the store; those who ask at the same time share the answer. With
   * other nodes only those who asked before anything was looked at.
   */
  async refresh(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<Lsn | undefined> {
    const search = async (unwanted?: AbortSignal): Promise<Lsn | undefined> => {
      const before = this.peek(volumeId);
      const look = (late: AbortSignal): Promise<Lsn | undefined> => {
        const over = unwanted === undefined ? late : AbortSignal.any([late, unwanted]);
        return this.#log.findHead(volumeId, before, over);
      };
      // Who asks later waits for this look to end: it must.
      const found = await within(this.#clock, LOOK_TIMEOUT_MS, `the head of ${volumeId}`, look);
      const entry = this.#entries.get(volumeId) ?? NOTHING;
      // A commit of this node that landed during the search stands above what it found.
      const isNewest = (found ?? 0n) >= (entry.lsn ?? 0n);
      if (isNewest) this.#remember(volumeId, { ...entry, lsn: found, isHead: true });
      if (found !== undefined && found > (entry.lsn ?? 0n))
        this.#listener?.onFound(volumeId, before, found);
      return this.peek(volumeId);
    };
    return await this.#searches.run(volumeId, search, signal);
  }

  /** This node created the commit at this LSN just now: nothing is above it. */
  created(volumeId: VolumeId, lsn: Lsn): void {
    const entry = this.#entries.get(volumeId) ?? NOTHING;
    if ((entry.lsn ?? 0n) < lsn) this.#remember(volumeId, { ...entry, lsn, isHead: true });
  }

  /** A commit that was created before, or elsewhere, was seen: more may be above it. */
  saw(volumeId: VolumeId, lsn: Lsn): void {
    const entry = this.#entries.get(volumeId) ?? NOTHING;
    if ((entry.lsn ?? 0n) >= lsn) return;
    this.#remember(volumeId, { ...entry, lsn, isHead: false });
    this.#listener?.onFound(volumeId, entry.lsn, lsn);
  }

  /** A commit whose outcome is unknown may land by itself. */
  doubt(volumeId: VolumeId): void {
    const entry = this.#entries.get(volumeId) ?? NOTHING;
    this.#remember(volumeId, { ...entry, doubtUntilMs: this.#clock.monotonicMs() + DOUBT_MS });
    this.#listener?.onDoubt(volumeId);
  }

  #remember(volumeId: VolumeId, entry: HeadEntry): void {
    this.#entries.delete(volumeId);
    this.#entries.set(volumeId, entry);
    if (this.#entries.size <= VOLUME_COUNT_MAX) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
