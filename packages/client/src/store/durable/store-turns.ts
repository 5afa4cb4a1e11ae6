import type { FileLock, ReusableLock } from "@graft/core";
import { Turn } from "../turn.ts";
import type { StorePlace } from "./store-disk.ts";

/**
 * The turns to write and to speak with the server, across processes. Their locks are opened when
 * they are first wanted: most volumes of an application are only read.
 *
 * A process that is alone keeps the turn to write from one transaction to the next, for as long as
 * it is at work: it gives it back when it finds company, or nothing was read for a while.
 * The lock of the other turn stays open as long, not held: opening it takes a millisecond.
 */
export class StoreTurns {
  readonly #place: StorePlace;
  readonly #isAlone: () => boolean;
  readonly #isAtWork: () => boolean;
  readonly #writes = new Turn();
  readonly #sync = new Turn();
  #writeLock: ReusableLock | undefined;
  #syncLock: ReusableLock | undefined;
  #isSyncing = false;
  #isWriting = false;
  #isKept = false;

  /**
   * @param isAlone whether no other process is there
   * @param isAtWork whether `letGo` is called soon, once nothing is read any more
   */
  constructor(place: StorePlace, isAlone: () => boolean, isAtWork: () => boolean) {
    this.#place = place;
    this.#isAlone = isAlone;
    this.#isAtWork = isAtWork;
  }

  /** Undefined while another process, or another caller in this one, has it. */
  lockWrites(): FileLock | undefined {
    const inner = this.#writes.take();
    if (inner === undefined) return undefined;
    try {
      if (!this.#isKept && !this.#openWriteLock().tryLock()) {
        inner.close();
        return undefined;
      }
    } catch (error) {
      inner.close();
      throw error;
    }
    this.#isWriting = true;
    this.#isKept = true;
    return {
      close: () => {
        if (!this.#writes.isHeldBy(inner)) return;
        this.#isWriting = false;
        inner.close();
        if (!this.#isAlone() || !this.#isAtWork()) this.#letGoWrites();
      },
    };
  }

  /** Gives back what was only kept. */
  letGo(): void {
    this.#letGoWrites();
    if (!this.#isSyncing) this.#closeSyncLock();
  }

  #letGoWrites(): void {
    if (this.#isWriting || !this.#isKept) return;
    this.#isKept = false;
    this.#writeLock?.unlock();
  }

  /** Undefined as `lockWrites`. Speaking with a server takes long: this lock may. */
  lockSync(): FileLock | undefined {
    const inner = this.#sync.take();
    if (inner === undefined) return undefined;
    try {
      this.#syncLock ??= this.#place.fileSystem.openLock(this.#place.files.syncLock);
      this.#isSyncing = this.#syncLock.tryLock();
    } catch (error) {
      this.#closeSyncLock();
      throw error;
    } finally {
      if (!this.#isSyncing) inner.close();
    }
    if (!this.#isSyncing) {
      if (!this.#isAtWork()) this.#closeSyncLock();
      return undefined;
    }
    return {
      close: () => {
        if (!this.#sync.isHeldBy(inner)) return;
        this.#isSyncing = false;
        try {
          if (this.#isAtWork()) this.#syncLock?.unlock();
          else this.#closeSyncLock();
        } catch (error) {
          this.#closeSyncLock();
          throw error;
        } finally {
          inner.close();
        }
      },
    };
  }

  close(): void {
    this.#isKept = false;
    this.#writeLock?.close();
    this.#closeSyncLock();
  }

  #closeSyncLock(): void {
    this.#syncLock?.close();
    this.#syncLock = undefined;
  }

  #openWriteLock(): ReusableLock {
    this.#writeLock ??= this.#place.fileSystem.openLock(this.#place.files.writeLock);
    return this.#writeLock;
  }
}
