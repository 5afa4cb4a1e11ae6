/**
 * Which connections of a process have a WASM instance, and how much memory their caches may take.
 *
 *     take ──room──▶ slot                          at most 32 slots, as long as that is possible
 *     take ──full──▶ wait, in the order of arrival; the instance that was used longest ago, and
 *                    that nobody uses now, is closed to make room
 *
 * An instance in which a transaction or a loop over rows is open cannot be closed: it is pinned.
 * Whoever waits holds no slot by waiting, but the code that holds a pinned one may itself wait for
 * a slot, and 32 of those would wait for each other. The rule against it: a call that is inside
 * SQLite ends without taking a slot, so waiting for it is safe. **When, for `STALL_MS`, no call
 * entered any instance and none is inside one, only code outside can go on: then the first waiter
 * gets a slot beyond the 32.** So nobody waits for ever, and there are at most as many instances as
 * 32 or the pinned ones and one more. Slots beyond the 32 are given back as soon as they are idle.
 */
import { type Clock, GraftError, invariant } from "@graft/core";

/** Instances of a process, unless more than that are pinned. Each takes 8 MiB of address space. */
export const INSTANCES_MAX = 32;
/** Nothing enters SQLite for so long: who waits would wait for somebody who waits. */
const STALL_MS = 50;
/** More callers than this waiting for an instance are a caller that does not await. */
const WAITING_MAX = 100_000;

const MIB = 1024 * 1024;
/** SQLite's page caches of all instances together; beyond that each has the least. */
const CACHES_SIZE_MAX: number = 128 * MIB;
const CACHE_SIZE_MIN: number = 2 * MIB;
/** Part of what is left that the next instance gets: 43 MiB, 28, 19, 13, … */
const CACHE_SHARE = 1 / 3;

/** What has a slot. */
export interface SlotHolder {
  /** Closes the instance, if nobody uses it and nothing lives in it; undefined: not now. */
  tryClose(): Promise<void> | undefined;
  /** Whether a call is inside SQLite. */
  readonly isRunning: boolean;
  /** Calls that entered SQLite so far. */
  readonly callCount: number;
}

/** The right to one instance. */
export interface InstanceSlot {
  /** How much SQLite's page cache may take, bytes. */
  readonly cacheSize: number;
  /** Whether somebody waits for an instance. */
  readonly isWanted: boolean;
  /** Set when the instance is open. */
  holder: SlotHolder | undefined;
  /** The instance was used just now. */
  noteUse(): void;
  /** Nobody uses the instance any more: it may be closed for somebody who waits. */
  noteIdle(): void;
  /** The instance is gone. */
  giveBack(): void;
}

interface Slot extends InstanceSlot {
  lastUse: number;
  isClosing: boolean;
}

interface Waiting {
  readonly clock: Clock;
  readonly enter: (slot: InstanceSlot) => void;
}

export class InstanceSlots {
  readonly #countMax: number;
  readonly #slots = new Set<Slot>();
  readonly #waiting: Waiting[] = [];
  #useCount = 0;
  #cacheSize = 0;
  #isWatching = false;

  constructor(countMax: number = INSTANCES_MAX) {
    invariant(countMax >= 1, "a process has room for an instance");
    this.#countMax = countMax;
  }

  /** Slots that are taken now. */
  get count(): number {
    return this.#slots.size;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Waits for its turn when all are taken. @throws AbortError, GraftError `resource-exhausted` */
  take(clock: Clock, signal: AbortSignal): Promise<InstanceSlot> {
    signal.throwIfAborted();
    if (this.#waiting.length === 0 && this.#slots.size < this.#countMax) {
      return Promise.resolve(this.#create());
    }
    if (this.#waiting.length >= WAITING_MAX) {
      throw new GraftError(
        "resource-exhausted",
        `${WAITING_MAX} statements wait for a connection; await some before issuing more`,
      );
    }
    return this.#wait(clock, signal);
  }

  #wait(clock: Clock, signal: AbortSignal): Promise<InstanceSlot> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        clock,
        enter: (slot) => {
          signal.removeEventListener("abort", leave);
          resolve(slot);
        },
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      this.#makeRoom();
      if (!this.#isWatching) void this.#watch();
    });
  }

  #create(): InstanceSlot {
    const share = Math.floor((CACHES_SIZE_MAX - this.#cacheSize) * CACHE_SHARE);
    const cacheSize = Math.max(CACHE_SIZE_MIN, share);
    const isWanted = (): boolean => this.#waiting.length > 0;
    const slot: Slot = {
      cacheSize,
      get isWanted() {
        return isWanted();
      },
      holder: undefined,
      isClosing: false,
      lastUse: ++this.#useCount,
      noteUse: () => {
        slot.lastUse = ++this.#useCount;
      },
      noteIdle: () => {
        slot.lastUse = ++this.#useCount;
        this.#makeRoom();
      },
      giveBack: () => {
        if (!this.#slots.delete(slot)) return;
        this.#cacheSize -= cacheSize;
        this.#admit();
      },
    };
    this.#slots.add(slot);
    this.#cacheSize += cacheSize;
    return slot;
  }

  #admit(): void {
    while (this.#slots.size < this.#countMax) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.enter(this.#create());
    }
    this.#makeRoom();
  }

  /** Closes as many instances as are waited for, or are too many, if so many are idle. */
  #makeRoom(): void {
    let missing = this.#slots.size + this.#waiting.length - this.#countMax;
    if (missing <= 0) return;
    for (const slot of this.#slots) if (slot.isClosing) missing--;
    if (missing <= 0) return;
    const open = [...this.#slots].filter(({ holder, isClosing }) => holder && !isClosing);
    open.sort((a, b) => a.lastUse - b.lastUse);
    for (const slot of open) {
      if (missing <= 0) return;
      const closing = slot.holder?.tryClose();
      if (closing === undefined) continue;
      slot.isClosing = true;
      missing--;
      // What went wrong has been told to whom it concerns: the slot is free in any case.
      closing.catch(() => undefined).finally(() => slot.giveBack());
    }
  }

  /** See the rule at the top. */
  async #watch(): Promise<void> {
    this.#isWatching = true;
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      const before = this.#callCount();
      await head.clock.sleep(STALL_MS);
      const isStalled = !this.#isRunning() && this.#callCount() === before;
      if (isStalled) this.#waiting.shift()?.enter(this.#create());
    }
    this.#isWatching = false;
  }

  /** Whether something goes on that ends by itself. */
  #isRunning(): boolean {
    return [...this.#slots].some(
      ({ holder, isClosing }) => isClosing || holder === undefined || holder.isRunning,
    );
  }

  #callCount(): number {
    let count = this.#useCount;
    for (const { holder } of this.#slots) count += holder?.callCount ?? 0;
    return count;
  }
}

/** The slots of a process: those of the engine it compiled. */
const slotsByEngine = new WeakMap<object, InstanceSlots>();

/** The slots that all connections on this engine share. */
export function instanceSlotsOf(engine: object): InstanceSlots {
  const known = slotsByEngine.get(engine);
  if (known !== undefined) return known;
  const slots = new InstanceSlots();
  slotsByEngine.set(engine, slots);
  return slots;
}
