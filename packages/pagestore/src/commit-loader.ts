import {
  type CatalogCommit,
  decodeCatalogCommit,
  SizedCache,
  type VolumeCatalog,
} from "@graft/catalog";
import {
  Coalescer,
  type Compute,
  equalBytes,
  GraftError,
  LSN_FIRST,
  type Lsn,
  mapConcurrent,
  toLsn,
  type VolumeId,
} from "@graft/core";
import { logKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import type { CommitSource } from "./commit-source.ts";
import { readLogObject } from "./log-reader.ts";

/**
 * Memory of decoded commits kept, as estimated from their stored size: an eighth of a server's 300
 * MiB.
 */
const COMMITS_SIZE_MAX: number = 40 * 1024 * 1024;
/** What a decoded commit takes: its objects beside its bytes, and the bytes twice over. */
const COMMIT_OVERHEAD_SIZE = 4096;
/** Records read side by side. */
const READ_CONCURRENCY = 16;

export interface CommitLoaderOptions {
  readonly source: CommitSource;
  readonly store: ObjectStore;
  readonly compute: Compute;
  /** Of a MetaStore in the same process: what it holds is not asked for. */
  readonly catalog?: VolumeCatalog | undefined;
}

/** Single commits, by LSN: each is read once for all who ask, and kept within a bound. */
export class CommitLoader {
  readonly #options: CommitLoaderOptions;
  readonly #held = new SizedCache<string, CatalogCommit>(COMMITS_SIZE_MAX);
  readonly #flights = new Coalescer<string, CatalogCommit>();

  constructor(options: CommitLoaderOptions) {
    this.#options = options;
  }

  /**
   * The commit at an LSN that a client names. @throws GraftError `not-found`; what the source
   * throws
   */
  async head(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit> {
    const { source } = this.#options;
    return await this.#load(volumeId, lsn, signal, (each) => source.read(volumeId, lsn, each));
  }

  /**
   * A commit that a later one names or stands on, from the log itself. @throws GraftError `corrupt`
   */
  async below(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit> {
    return await this.#load(volumeId, lsn, signal, async (each) => {
      const bytes = await readLogObject(this.#options.store, volumeId, lsn, each);
      if (bytes !== undefined) return bytes;
      throw corrupt(logKey(volumeId, lsn), "it is missing, though a later commit exists");
    });
  }

  /**
   * The commits below one, newest first, without a gap: each is the one that the commit above it
   * names as its parent.
   *
   * @param count how many, fewer at LSN 1
   */
  async descend(
    from: CatalogCommit,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly CatalogCommit[]> {
    const { volumeId } = from.record;
    const lsns: Lsn[] = [];
    for (let lsn = from.record.lsn - 1n; lsn >= LSN_FIRST && lsns.length < count; lsn--) {
      lsns.push(toLsn(lsn));
    }
    const options = { concurrency: READ_CONCURRENCY, signal };
    const commits = await mapConcurrent(lsns, options, (lsn, _, each) =>
      this.below(volumeId, lsn, each),
    );
    let above = from;
    for (const commit of commits) {
      const { parentHash } = above.record;
      if (parentHash === undefined || !equalBytes(parentHash, commit.hash)) {
        const key = logKey(volumeId, commit.record.lsn);
        throw corrupt(key, `it is not the parent that LSN ${above.record.lsn} names`);
      }
      above = commit;
    }
    return commits;
  }

  async #load(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
    read: (signal: AbortSignal) => Promise<Uint8Array>,
  ): Promise<CatalogCommit> {
    const key = logKey(volumeId, lsn);
    const known = this.#options.catalog?.get(volumeId, lsn) ?? this.#held.get(key);
    if (known !== undefined) return known;
    const load = async (flight: AbortSignal): Promise<CatalogCommit> => {
      const bytes = await read(flight);
      const commit = decodeCatalogCommit(bytes, { volumeId, lsn }, this.#options.compute);
      this.#held.set(key, commit, COMMIT_OVERHEAD_SIZE + 3 * bytes.length);
      return commit;
    };
    return await this.#flights.run(key, load, signal);
  }
}

function corrupt(objectKey: string, what: string): GraftError {
  return new GraftError("corrupt", `${objectKey}: ${what}`, { details: { object: objectKey } });
}
