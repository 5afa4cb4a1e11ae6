import { GraftError, LSN_FIRST, type Lsn, nextLsn, toLsn, type VolumeId } from "@graft/core";
import type { ObjectStore } from "@graft/object-store";
import type { CommitSource } from "../commit-source.ts";
import { readLogObject } from "../log-reader.ts";

/**
 * Commits straight from the log of a store: a MetaStore without anything between. Counts what it is
 * asked.
 */
export class LogCommitSource implements CommitSource {
  readonly #store: ObjectStore;
  readonly #reads: Lsn[] = [];

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** The LSNs that were asked for, in order. */
  get reads(): readonly Lsn[] {
    return this.#reads;
  }

  /** Counts from nothing again. */
  forgetReads(): void {
    this.#reads.length = 0;
  }

  async read(volumeId: VolumeId, lsn: Lsn, signal: AbortSignal | undefined): Promise<Uint8Array> {
    this.#reads.push(lsn);
    const bytes = await readLogObject(this.#store, volumeId, lsn, signal);
    if (bytes !== undefined) return bytes;
    throw new GraftError("not-found", `volume ${volumeId} has no commit at LSN ${lsn}`);
  }

  async newest(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<Lsn> {
    for (let lsn = LSN_FIRST; ; lsn = nextLsn(lsn)) {
      if ((await readLogObject(this.#store, volumeId, lsn, signal)) !== undefined) continue;
      if (lsn > LSN_FIRST) return toLsn(lsn - 1n);
      throw new GraftError("not-found", `volume ${volumeId} has no commit`);
    }
  }
}
