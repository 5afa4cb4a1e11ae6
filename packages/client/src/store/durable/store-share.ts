/**
 * How a store is shared: the log is changed by one process at a time, and followed by all
 * (docs/formats/local-store.md, "Many processes").
 *
 * ```
 * reader   look at the mark ─ another end? ─▶ apply what follows ─▶ pin           waits for nobody
 * writer   append lock ─▶ look ─▶ records ─▶ flush ─▶ mark ─▶ unlock
 * ```
 */
import { type Clock, GraftError, isGraftError, type ReusableLock } from "@graft/core";
import type { Replica } from "../replica.ts";
import { type Follower, type FollowHooks, followBehindMark, followToMark } from "./follow-log.ts";
import { OpenPins, type PinGroup } from "./open-pins.ts";
import type { Processes } from "./processes.ts";
import type { Reservations } from "./reservations.ts";
import type { StoreDisk } from "./store-disk.ts";
import type { Mark } from "./synced-mark.ts";

/** What a process waits for another one's append, at most: some slow flushes, or a large index. */
const APPEND_TIMEOUT_MS = 30_000;
/** While it is alone, a process looks at the mark this often. */
export const LEASE_MS = 20;
/** A process that finds others waits so long before it begins: their lease is over then. */
export const SETTLE_MS = 25;
/** How often a process that has company looks whether it still has. */
const COMPANY_MS = 1000;

export interface StoreShareParts {
  readonly disk: StoreDisk;
  readonly appendLock: ReusableLock;
  readonly processes: Processes;
  readonly reservations: Reservations;
  /** Undefined: the mark is looked at with each pin. */
  readonly clock: Clock | undefined;
}

export class StoreShare {
  readonly disk: StoreDisk;
  readonly processes: Processes;
  readonly reservations: Reservations;
  readonly pins: OpenPins;
  /** States before the last was loaded, which open pins use. */
  readonly staleReplicas: Replica[] = [];
  readonly #lock: ReusableLock;
  readonly #clock: Clock | undefined;
  readonly #follower: Follower;
  #isHeld = false;
  #marked: Mark | undefined;
  /** Whether the last mark of this process could not be written: others do not see what it did. */
  #isUnmarked = false;
  #openerSeen: number;
  #isAlone: boolean;
  /** Whether somebody may have died since the log was looked at behind its mark. */
  #hadCompany: boolean;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #companyMs = Number.NEGATIVE_INFINITY;

  constructor(parts: StoreShareParts, hooks: FollowHooks) {
    this.disk = parts.disk;
    this.processes = parts.processes;
    this.reservations = parts.reservations;
    this.#lock = parts.appendLock;
    this.#clock = parts.clock;
    this.pins = new OpenPins(parts.processes, parts.clock, this.position);
    this.#follower = { ...parts, pins: this.pins, ...hooks };
    this.#openerSeen = parts.processes.opener;
    this.#isAlone = parts.processes.isAlone();
    this.#hadCompany = !this.#isAlone;
  }

  /** Where this process has followed the log to, over all generations. */
  get position(): number {
    return this.disk.start + this.disk.log.size;
  }

  /** Up to where all of it is durable. */
  get durablePosition(): number {
    return this.disk.start + this.disk.log.syncedSize;
  }

  /** Whether this process may change the log now. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether no other process had the store open, when this one looked last. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** Begins to read at what is newest. Waits for nobody. */
  openPin(): PinGroup {
    if (this.pins.isParked) {
      this.pins.unpark();
      this.look();
    } else if (this.#mustLook()) {
      this.look();
    }
    return this.pins.open();
  }

  /** `look`, unless this process is alone and did so a moment ago. */
  lookToRead(): boolean {
    return this.#mustLook() && this.look();
  }

  /** Sees what others did; true when that was something. Waits for nobody. */
  look(): boolean {
    if (this.#isHeld) return false;
    if (this.#isUnmarked) {
      const before = this.position;
      if (this.tryExclusively(() => true)) return this.position !== before;
    }
    const mark = this.disk.mark.read();
    this.#lookedMs = this.#clock?.monotonicMs() ?? this.#lookedMs;
    if (mark === undefined) return this.#mendMark();
    this.#noteOpener(mark);
    const hasNews = this.#isBehind(mark);
    if (hasNews && !this.#follow(mark)) return this.#mendMark();
    if (!this.#isAlone) this.pins.tell();
    return hasNews;
  }

  /**
   * Says that the log in use is over, so that others look for the next one: for the holder of the
   * lock.
   *
   * @throws GraftError `io`
   */
  announceEnd(): void {
    const mark = { ...this.#ownMark(), isOver: true };
    this.disk.mark.write(mark);
    this.#marked = mark;
  }

  /** Lets go of what only pins needed that are closed now. */
  forgetUnpinned(): void {
    if (!this.pins.isEmpty) return;
    for (const log of this.disk.earlierLogs.splice(0)) log.close(false);
    this.staleReplicas.length = 0;
  }

  /** `look` for a turn that was granted: also what its holder before left, when that one died. */
  settle(): void {
    if (this.#mustLook()) this.look();
    if (!this.#isAlone || this.#hadCompany) this.exclusively(() => undefined);
  }

  /**
   * Runs `work` as the only one who changes the log, after everything was seen that others did.
   *
   * @throws GraftError `busy`: another process holds the log for very long
   */
  exclusively<T>(work: () => T): T {
    if (this.#isHeld) return work();
    if (!this.#lock.lock(APPEND_TIMEOUT_MS)) {
      throw new GraftError(
        "busy",
        `"${this.disk.files.directory}": another process has held its log for ` +
          `${APPEND_TIMEOUT_MS / 1000} s: try again, or end that process`,
      );
    }
    return this.#whileHeld(work);
  }

  /** The same at once, or not at all: undefined. */
  tryExclusively<T>(work: () => T): T | undefined {
    if (this.#isHeld) return work();
    return this.#lock.tryLock() ? this.#whileHeld(work) : undefined;
  }

  /**
   * For the opening of the store, which holds the lock already.
   *
   * @throws GraftError `io`: others would not know of it, and write as if they were alone
   */
  begin(work: () => void): void {
    this.#isHeld = true;
    try {
      work();
    } finally {
      this.#leave();
    }
    if (!this.#isUnmarked || this.#isAlone) return;
    const text = `"${this.disk.files.directory}": other processes have it open and cannot be told`;
    throw new GraftError("io", `${text} of this one: see to the disk, then open it again`);
  }

  close(): void {
    this.pins.stop();
    this.processes.close();
    this.#lock.close();
  }

  /** Its writer died in the middle, or the disk lost it: whoever holds the log writes it again. */
  #mendMark(): boolean {
    const before = this.position;
    this.exclusively(() => undefined);
    return this.position !== before;
  }

  #whileHeld<T>(work: () => T): T {
    this.#isHeld = true;
    try {
      this.#enter();
      return work();
    } finally {
      this.#leave();
    }
  }

  #enter(): void {
    let mark = this.disk.mark.read();
    this.#marked = mark;
    if (mark !== undefined) this.#noteOpener(mark);
    if (mark !== undefined && this.#isBehind(mark) && !this.#follow(mark)) mark = undefined;
    if (mark !== undefined && !mark.isOver && this.#isAlone && !this.#hadCompany) return;
    // What a process that died wrote last is not in its mark.
    this.#hadCompany = !this.#isAlone;
    const known = this.position;
    followBehindMark(this.#follower, mark);
    this.pins.advance(this.position);
    if (this.position !== known) this.#flushFound();
  }

  /** What was found behind the mark is seen by all from now on: no power loss may take it. */
  #flushFound(): void {
    try {
      if (!this.disk.log.isBroken) this.disk.log.sync();
    } catch (error) {
      // The log is over: the state goes to another generation with the next change.
      if (!(error instanceof GraftError)) throw error;
    }
  }

  #leave(): void {
    try {
      const { log } = this.disk;
      const mark = this.#ownMark();
      if (!isSame(mark, this.#marked)) this.#writeMark(mark);
      this.pins.advance(this.disk.start + log.end.offset);
    } finally {
      this.#isHeld = false;
      this.#lock.unlock();
    }
    if (!this.#isAlone) this.pins.tell();
  }

  /** Whoever changes the log next looks behind a mark that is old; readers wait for a new one. */
  #writeMark(mark: Mark): void {
    try {
      this.disk.mark.write(mark);
      this.#marked = mark;
      this.#isUnmarked = false;
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      this.#marked = undefined;
      this.#isUnmarked = true;
    }
  }

  #ownMark(): Mark {
    const { log } = this.disk;
    return {
      generation: log.generation,
      syncedSize: log.syncedSize,
      end: log.end,
      opener: this.#openerSeen,
      isOver: log.isBroken,
    };
  }

  #isBehind(mark: Mark): boolean {
    const { log } = this.disk;
    // An older mark is one that could not be written.
    if (mark.generation !== log.generation) return mark.generation > log.generation;
    if (mark.end.offset > log.size) return true;
    if (mark.syncedSize > log.syncedSize) log.follow(log.end, mark.syncedSize);
    return false;
  }

  /**
   * False when the log that the mark names is gone: who began the one after it died, or is late,
   * before it could write a mark.
   */
  #follow(mark: Mark): boolean {
    try {
      followToMark(this.#follower, mark);
    } catch (error) {
      if (isGraftError(error, "not-found")) return false;
      throw error;
    }
    this.pins.advance(this.position);
    return true;
  }

  #noteOpener({ opener }: Mark): void {
    if (opener === this.#openerSeen && (this.#isAlone || !this.#isCompanyOld())) return;
    if (opener !== this.#openerSeen) this.processes.forget();
    this.#hadCompany = true;
    this.#openerSeen = Math.max(opener, this.processes.opener);
    this.#companyMs = this.#clock?.monotonicMs() ?? this.#companyMs;
    this.#isAlone = this.processes.isAlone();
    if (!this.#isAlone) this.#follower.onCompany();
  }

  #isCompanyOld(): boolean {
    return this.#clock === undefined || this.#clock.monotonicMs() - this.#companyMs >= COMPANY_MS;
  }

  #mustLook(): boolean {
    if (!this.#isAlone || this.#clock === undefined) return true;
    return this.#clock.monotonicMs() - this.#lookedMs >= LEASE_MS;
  }
}

function isSame(mark: Mark, other: Mark | undefined): boolean {
  return (
    other !== undefined &&
    mark.generation === other.generation &&
    mark.end.offset === other.end.offset &&
    mark.end.sequence === other.end.sequence &&
    mark.syncedSize === other.syncedSize &&
    mark.opener === other.opener &&
    mark.isOver === other.isOver
  );
}
