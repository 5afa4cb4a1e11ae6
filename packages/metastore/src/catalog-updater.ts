import type { CatalogCommit, VolumeCatalog } from "@graft/catalog";
import { GraftError, isGraftError, type Lsn, mapOrdered, toLsn, type VolumeId } from "@graft/core";
import { logKey } from "@graft/format";
import type { VolumeLog } from "./volume-log.ts";

/** Records read side by side for one call. */
const READ_CONCURRENCY = 16;
/** Commits below what is held that one call adds to it: at ≈ 1 KiB each, half a MiB. */
const BELOW_COUNT_MAX = 512;

/** LSNs that are known to exist, both ends included. */
export interface CommitRange {
  readonly start: Lsn;
  readonly end: Lsn;
}

/**
 * Fills the catalog from the log: only with what is not held, and a record once for all who ask.
 */
export class CatalogUpdater {
  readonly #catalog: VolumeCatalog;
  readonly #log: VolumeLog;

  constructor(options: { readonly catalog: VolumeCatalog; readonly log: VolumeLog }) {
    this.#catalog = options.catalog;
    this.#log = options.log;
  }

  /**
   * A commit that was just appended, or read. @throws GraftError `corrupt` when it contradicts
   * another
   */
  add(commit: CatalogCommit): void {
    this.#insert(commit);
  }

  /** The commit at an LSN; undefined when the log has none. */
  async get(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit | undefined> {
    const held = this.#catalog.get(volumeId, lsn);
    if (held !== undefined) return held;
    const commit = await this.#log.read(volumeId, lsn, signal);
    if (commit !== undefined) this.#insert(commit);
    return commit;
  }

  /**
   * The commit at an LSN that is known to exist. @throws GraftError `corrupt` when it is missing
   */
  async must(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit> {
    const commit = await this.get(volumeId, lsn, signal);
    if (commit !== undefined) return commit;
    const object = logKey(volumeId, lsn);
    throw new GraftError("corrupt", `${object} is missing, though a later commit exists`, {
      details: { object, volume: volumeId, lsn: String(lsn) },
    });
  }

  /**
   * The commits of a range, ascending. Memory stays bounded however long the range is.
   *
   * @throws GraftError `corrupt` when one is missing, damaged or does not continue the one before
   *   it
   */
  async *range(
    volumeId: VolumeId,
    range: CommitRange,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<CatalogCommit> {
    const below: CatalogCommit[] = [];
    const options = { concurrency: READ_CONCURRENCY, signal };
    const read = async (lsn: Lsn, _at: number, each: AbortSignal): Promise<CatalogCommit> =>
      this.#catalog.get(volumeId, lsn) ?? (await this.#mustRead(volumeId, lsn, each));
    for await (const commit of mapOrdered(lsnsOf(range), options, read)) {
      if (this.#insert(commit) === "gap") {
        below.push(commit);
        if (below.length > BELOW_COUNT_MAX) below.shift();
      }
      yield commit;
    }
    // What did not touch the held range from above may continue it downward.
    for (const commit of below.reverse()) this.#insert(commit);
  }

  async #mustRead(volumeId: VolumeId, lsn: Lsn, signal: AbortSignal): Promise<CatalogCommit> {
    const commit = await this.#log.read(volumeId, lsn, signal);
    return commit ?? (await this.must(volumeId, lsn, signal));
  }

  #insert(commit: CatalogCommit): "inserted" | "present" | "gap" {
    try {
      return this.#catalog.insert(commit);
    } catch (error) {
      // A catalog that contradicts the log must not do so for ever: it is disposable, the log is
      // not.
      if (isGraftError(error, "corrupt")) this.#catalog.forget(commit.record.volumeId);
      throw error;
    }
  }
}

function* lsnsOf({ start, end }: CommitRange): Generator<Lsn> {
  for (let lsn: bigint = start; lsn <= end; lsn++) yield toLsn(lsn);
}
