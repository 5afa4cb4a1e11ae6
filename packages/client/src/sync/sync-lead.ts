/**
 * Which process speaks with the server for a volume that several have open.
 *
 * ```
 * alone ─ somebody comes ─▶ takes the lock ─▶ leads    the newcomer waits, and finds it taken
 * follows ─ tries the lock ─▶ leads                    its holder has ended, or died
 * ```
 *
 * Who is alone leads without a lock: its handle would cost an idle volume more memory than all the
 * rest of it. Two that lead for a moment do no harm: the sync lock orders what they do.
 */
import { type Clock, type FileLock, type Random, randomUnit } from "@graft/core";

/**
 * How long one that finds company waits before it tries to lead: whoever led alone has noticed it
 * by then.
 */
const GRACE_MS = 1_000;
/** Between two tries of one that follows: with a round of looks, it takes over within 2 s. */
const TRY_MS_MIN = 600;
const TRY_MS_MAX = 1_000;

export interface SyncLeadMeans {
  readonly clock: Clock;
  readonly random: Random;
  /** Whether no other process has the volume open, as far as is known. */
  readonly isAlone: () => boolean;
  /** The kernel's lock; undefined while another process has it. */
  readonly tryLock: () => FileLock | undefined;
}

export class SyncLead {
  readonly #means: SyncLeadMeans;
  #lock: FileLock | undefined;
  #isLeader: boolean;
  #tryMs: number;

  constructor(means: SyncLeadMeans) {
    this.#means = means;
    this.#isLeader = means.isAlone();
    this.#tryMs = means.clock.monotonicMs() + GRACE_MS;
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** Looks who else is there; true when this process begins or ceases to lead. */
  look(): boolean {
    const before = this.#isLeader;
    if (this.#means.isAlone()) {
      this.#letGo();
      this.#isLeader = true;
    } else if (this.#lock === undefined) {
      this.#contend();
    }
    return this.#isLeader !== before;
  }

  close(): void {
    this.#letGo();
  }

  #contend(): void {
    const { clock, random, tryLock } = this.#means;
    const nowMs = clock.monotonicMs();
    if (!this.#isLeader && nowMs < this.#tryMs) return;
    this.#lock = tryLock();
    this.#isLeader = this.#lock !== undefined;
    this.#tryMs = nowMs + TRY_MS_MIN + (TRY_MS_MAX - TRY_MS_MIN) * randomUnit(random);
  }

  #letGo(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }
}
