import { GraftError, nextLsn, type VolumeId } from "@graft/core";
import type { ObjectStore } from "@graft/object-store";
import type { CommitRange, CommitSource, StoredCommit } from "../commit-source.ts";
import { readLogObject } from "../log-reader.ts";

/**
 * Commits straight from the log of a store: a MetaStore without anything between. Counts what it is
 * asked.
 */
export class LogCommitSource implements CommitSource {
  readonly #store: ObjectStore;
  readonly #pulls: CommitRange[] = [];

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** The ranges that were asked for, in order. */
  get pulls(): readonly CommitRange[] {
    return this.#pulls;
  }

  async *pull(
    volumeId: VolumeId,
    range: CommitRange,
    signal: AbortSignal | undefined,
  ): AsyncIterable<StoredCommit> {
    this.#pulls.push(range);
    for (let lsn = range.start; ; lsn = nextLsn(lsn)) {
      const bytes = await readLogObject(this.#store, volumeId, lsn, signal);
      if (bytes === undefined) {
        throw new GraftError("not-found", `volume ${volumeId} has no commit at LSN ${lsn}`);
      }
      yield { lsn, bytes };
      if (lsn === range.end) return;
    }
  }
}
