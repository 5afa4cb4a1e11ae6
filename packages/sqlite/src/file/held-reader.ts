import type { VolumeReader } from "@graft/client";
import { MISS } from "@graft/sqlite-engine";

/**
 * Keeps what a file fetched outside a lock from being evicted before it is read: until a lock was
 * held in which nothing was missing.
 */
export class HeldReader {
  #reader: VolumeReader | undefined;
  #hasMissed = false;
  #isClosed = false;

  /** Lets go of the reader before it. */
  hold(reader: VolumeReader | undefined): void {
    const before = this.#reader;
    // A file that could not be opened for want of a page is closed when the page comes.
    if (this.#isClosed) reader?.close();
    else this.#reader = reader;
    before?.close();
  }

  /** A page is missing under the lock. */
  noteMiss(): number {
    this.#hasMissed = true;
    return MISS;
  }

  /** What was missing under the lock is here. */
  noteFetched(): void {
    this.#hasMissed = false;
  }

  /** The lock was given back. */
  endLock(): void {
    if (!this.#hasMissed) this.hold(undefined);
    this.#hasMissed = false;
  }

  close(): void {
    this.hold(undefined);
    this.#isClosed = true;
  }
}
