import type { Clock } from "@graft/core";
import type { Connection } from "./connection.ts";

/** How often it is looked for readers that nobody read; a snapshot is kept for twice that. */
const LOOK_MS = 50;

/**
 * Lets go of the snapshots that idle readers keep between reads (`Connection.tryRead`), when nobody
 * reads any more: while one is kept, no page of it is given up. Nothing runs while none is.
 */
export class SnapshotKeeping {
  readonly #clock: Clock;
  readonly #idleReaders: readonly Connection[];
  readonly #closing: AbortSignal;
  #looking: Promise<void> | undefined;

  /** @param idleReaders as they are at each moment */
  constructor(clock: Clock, idleReaders: readonly Connection[], closing: AbortSignal) {
    this.#clock = clock;
    this.#idleReaders = idleReaders;
    this.#closing = closing;
  }

  /** A reader keeps its snapshot. */
  note(): void {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Resolves when nothing runs any more. */
  async ended(): Promise<void> {
    await this.#looking;
  }

  /** Readers that were read since somebody looked were in use just now. */
  noteReads(): void {
    for (const connection of this.#idleReaders) this.#noteReads(connection);
  }

  async #look(): Promise<void> {
    do {
      try {
        await this.#clock.sleep(LOOK_MS, this.#closing);
      } catch {
        return;
      }
      for (const connection of this.#idleReaders) {
        if (!this.#noteReads(connection)) connection.releaseSnapshot();
      }
    } while (this.#idleReaders.some(({ isKeepingSnapshot }) => isKeepingSnapshot));
  }

  #noteReads(connection: Connection): boolean {
    const { wasRead } = connection;
    connection.wasRead = false;
    if (wasRead) connection.idleSinceMs = this.#clock.monotonicMs();
    return wasRead;
  }
}
