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
import { createReadTally, type MetricsRegistry, type ReadTally } from "@graft/rpc";
import type { CommitSource } from "./commit-source.ts";
import { readLogObject } from "./log-reader.ts";
import type { AskedSnapshot } from "./page-finder.ts";

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
  /**
   * Whether callers were judged before they ask here. If not, the source judges each of them, and
   * what it answered to one token is kept for that token.
   */
  readonly isGuarded: boolean;
  readonly metrics: MetricsRegistry;
}

/** A commit, and for whom it is loaded; without: for all who were let in. */
interface Place {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  readonly heldFor?: string;
  readonly askedBy?: string;
}

/** Single commits, by LSN: each is read once for all who ask, and kept within a bound. */
export class CommitLoader {
  readonly #options: CommitLoaderOptions;
  readonly #held = new SizedCache<string, CatalogCommit>(COMMITS_SIZE_MAX);
  readonly #flights = new Coalescer<string, CatalogCommit>();
  readonly #found: ReadTally;

  constructor(options: CommitLoaderOptions) {
    this.#options = options;
    this.#found = createReadTally(options.metrics, "commit");
  }

  /**
   * The commit at an LSN that a client names. @throws GraftError `not-found`; what the source
   * throws
   */
  async head(
    { volumeId, lsn, token }: AskedSnapshot,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit> {
    const { source, isGuarded } = this.#options;
    const place = { volumeId, lsn, ...(isGuarded ? {} : { heldFor: token ?? "" }) };
    // Not for others: what is refused to one caller is not refused to all who ask meanwhile.
    return await this.#load({ ...place, askedBy: token ?? "" }, signal, async (each) => {
      const bytes = await source.read(volumeId, lsn, each, token);
      this.#found("metastore");
      return bytes;
    });
  }

  /**
   * A commit that a later one names or stands on, from the log itself. @throws GraftError `corrupt`
   */
  async below(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit> {
    return await this.#load({ volumeId, lsn }, signal, async (each) => {
      const bytes = await readLogObject(this.#options.store, volumeId, lsn, each);
      if (bytes !== undefined) {
        this.#found("object_store");
        return bytes;
      }
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
    { volumeId, lsn, heldFor, askedBy }: Place,
    signal: AbortSignal | undefined,
    read: (signal: AbortSignal) => Promise<Uint8Array>,
  ): Promise<CatalogCommit> {
    const object = logKey(volumeId, lsn);
    const key = heldFor === undefined ? object : `${object} ${heldFor}`;
    const known = this.#options.catalog?.get(volumeId, lsn) ?? this.#held.get(key);
    if (known !== undefined) {
      this.#found("memory");
      return known;
    }
    const load = async (flight: AbortSignal): Promise<CatalogCommit> => {
      const bytes = await read(flight);
      const commit = decodeCatalogCommit(bytes, { volumeId, lsn }, this.#options.compute);
      this.#held.set(key, commit, COMMIT_OVERHEAD_SIZE + 3 * bytes.length);
      return commit;
    };
    const flight = askedBy === undefined ? key : `${key} by ${askedBy}`;
    return await this.#flights.run(flight, load, signal);
  }
}

function corrupt(objectKey: string, what: string): GraftError {
  return new GraftError("corrupt", `${objectKey}: ${what}`, { details: { object: objectKey } });
}
