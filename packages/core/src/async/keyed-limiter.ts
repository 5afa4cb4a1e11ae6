import { invariant } from "../assert.ts";

/** A place under the limit of one key. Give it back by disposing; twice is harmless. */
export type Permit = Disposable;

interface Turnstile {
  active: number;
  readonly waiting: Set<() => void>;
}

/**
 * At most `limit` holders per key at once, first come first served. Keys cost nothing while nobody
 * holds or waits for them.
 *
 * NOTE: whatever was checked before `acquire` may be false after it. Check again under the permit:
 * the holder before you may have done the work.
 */
export class KeyedLimiter<Key = string> {
  readonly #limit: number;
  readonly #turnstiles = new Map<Key, Turnstile>();

  /** @param limit holders per key at once, ≥ 1 */
  constructor(limit: number) {
    invariant(Number.isInteger(limit) && limit >= 1, "a limiter lets at least one through");
    this.#limit = limit;
  }

  /** Waits for a permit. Rejects with the signal's reason when aborted while it waits. */
  async acquire(key: Key, signal?: AbortSignal): Promise<Permit> {
    signal?.throwIfAborted();
    const turnstile = this.#turnstile(key);
    if (turnstile.active >= this.#limit) await this.#wait(key, turnstile, signal);
    else turnstile.active++;
    return this.#permit(key, turnstile);
  }

  /** Runs `task` under a permit. */
  async run<T>(key: Key, task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const permit = await this.acquire(key, signal);
    try {
      return await task();
    } finally {
      permit[Symbol.dispose]();
    }
  }

  /** How many hold a permit of the key now. */
  activeCount(key: Key): number {
    return this.#turnstiles.get(key)?.active ?? 0;
  }

  /** How many wait for a permit of the key now. */
  waitingCount(key: Key): number {
    return this.#turnstiles.get(key)?.waiting.size ?? 0;
  }

  /** How many keys are held or waited for. */
  get keyCount(): number {
    return this.#turnstiles.size;
  }

  #turnstile(key: Key): Turnstile {
    let turnstile = this.#turnstiles.get(key);
    if (turnstile === undefined) {
      turnstile = { active: 0, waiting: new Set() };
      this.#turnstiles.set(key, turnstile);
    }
    return turnstile;
  }

  /** Resolves with the place of a leaving holder: `active` already counts it. */
  #wait(key: Key, turnstile: Turnstile, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        turnstile.waiting.delete(enter);
        this.#forgetIdle(key, turnstile);
        reject(signal?.reason);
      };
      turnstile.waiting.add(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  #permit(key: Key, turnstile: Turnstile): Permit {
    let isHeld = true;
    return {
      [Symbol.dispose]: (): void => {
        if (!isHeld) return;
        isHeld = false;
        this.#handOver(key, turnstile);
      },
    };
  }

  #handOver(key: Key, turnstile: Turnstile): void {
    const [next] = turnstile.waiting;
    if (next === undefined) {
      turnstile.active--;
      this.#forgetIdle(key, turnstile);
      return;
    }
    turnstile.waiting.delete(next);
    next();
  }

  #forgetIdle(key: Key, turnstile: Turnstile): void {
    if (turnstile.active === 0 && turnstile.waiting.size === 0) this.#turnstiles.delete(key);
  }
}
