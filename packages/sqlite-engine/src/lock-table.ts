/**
 * SQLite's five lock levels between the connections to one file, in one process:
 *
 *     NONE → SHARED → RESERVED → (PENDING) → EXCLUSIVE
 *
 * Any number may hold SHARED; one of them may hold RESERVED, beside readers; EXCLUSIVE stands
 * alone, and PENDING lets no new reader in while waiting for the old ones to leave.
 */
import * as code from "./result-codes.ts";
import type { LockLevel } from "./vfs.ts";
import { LOCK_EXCLUSIVE, LOCK_NONE, LOCK_PENDING, LOCK_RESERVED, LOCK_SHARED } from "./vfs.ts";

/** The locks of one file. Holders are told apart by identity. */
export class LockTable {
  readonly #levels: Map<object, LockLevel> = new Map();

  /** Raises the holder's lock: `SQLITE_OK` or `SQLITE_BUSY`. */
  lock(holder: object, level: LockLevel): number {
    if (level <= this.#levelOf(holder)) return code.SQLITE_OK;
    const others = [...this.#levels].filter(([other]) => other !== holder).map(([, held]) => held);
    if (level === LOCK_SHARED && others.some((held) => held >= LOCK_PENDING)) {
      return code.SQLITE_BUSY;
    }
    if (level > LOCK_SHARED && others.some((held) => held >= LOCK_RESERVED)) {
      return code.SQLITE_BUSY;
    }
    if (level === LOCK_EXCLUSIVE && others.length > 0) {
      this.#levels.set(holder, LOCK_PENDING);
      return code.SQLITE_BUSY;
    }
    this.#levels.set(holder, level);
    return code.SQLITE_OK;
  }

  /** Lowers the holder's lock. */
  unlock(holder: object, level: LockLevel): void {
    if (level === LOCK_NONE) this.#levels.delete(holder);
    else if (this.#levelOf(holder) > level) this.#levels.set(holder, level);
  }

  /** Whether anybody holds RESERVED or more. */
  get isReserved(): boolean {
    return [...this.#levels.values()].some((level) => level >= LOCK_RESERVED);
  }

  #levelOf(holder: object): LockLevel {
    return this.#levels.get(holder) ?? LOCK_NONE;
  }
}
