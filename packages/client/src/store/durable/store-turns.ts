import type { FileLock, ReusableLock } from "@graft/core";
import { Turn } from "../turn.ts";
import type { StorePlace } from "./store-disk.ts";

/**
 * The turns to write and to speak with the server, across processes. Their locks are opened when
 * they are first wanted: most volumes of an application are only read.
 *
 * A process that is alone keeps the turn to write from one transaction to the next, for as long as
 * it is at work: it gives it back when it finds company, or nothing was read for a while.
 */
export class StoreTurns {
  readonly #place: StorePlace;
  readonly #mayKeep: () => boolean;
  readonly #writes = new Turn();
  readonly #sync = new Turn();
  #writeLock: ReusableLock | undefined;
  #isWriting = false;
  #isKept = false;

  /** @param mayKeep whether the turn to write is kept: then `letGo` is called soon */
  constructor(place: StorePlace, mayKeep: () => boolean) {
    this.#place = place;
    this.#mayKeep = mayKeep;
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
        if (!this.#mayKeep()) this.letGo();
      },
    };
  }

  /** Gives back a turn that was only kept. */
  letGo(): void {
    if (this.#isWriting || !this.#isKept) return;
    this.#isKept = false;
    this.#writeLock?.unlock();
  }

  /** Undefined as `lockWrites`. Speaking with a server takes long: this lock may. */
  lockSync(): FileLock | undefined {
    const inner = this.#sync.take();
    if (inner === undefined) return undefined;
    let outer: FileLock | undefined;
    try {
      outer = this.#place.fileSystem.lock(this.#place.files.syncLock);
    } finally {
      if (outer === undefined) inner.close();
    }
    return outer === undefined ? undefined : closingBoth(inner, outer);
  }

  close(): void {
    this.#isKept = false;
    this.#writeLock?.close();
  }

  #openWriteLock(): ReusableLock {
    this.#writeLock ??= this.#place.fileSystem.openLock(this.#place.files.writeLock);
    return this.#writeLock;
  }
}

function closingBoth(inner: FileLock, outer: FileLock): FileLock {
  return {
    close(): void {
      outer.close();
      inner.close();
    },
  };
}
