/**
 * The log of a volume in the object store: append, read, find the head.
 *
 * The ordering rule: a record is created at base + 1 only when the one at base was seen in the
 * store, so the log never has a gap; and only by a create-only PUT, so a record never changes.
 */
import { type CatalogCommit, decodeCatalogCommit } from "@graft/catalog";
import {
  backoffDelayMs,
  type Clock,
  Coalescer,
  type CommitId,
  type Compute,
  equalBytes,
  GraftError,
  isGraftError,
  type Lsn,
  type Random,
  type VolumeId,
} from "@graft/core";
import {
  type CommitRecord,
  commitRecordHash,
  decodeHeadHint,
  headKey,
  logKey,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import { createReadTally, type MetricsRegistry, type ReadTally } from "@graft/rpc";
import { findHead } from "./find-head.ts";
import type { RecordCache } from "./record-cache.ts";
import { within } from "./within.ts";

/** One request of an append at most, ms; then it is read back and tried again. */
const ATTEMPT_TIMEOUT_MS = 10_000;
/** Waits between tries of an append. */
const RETRY_DELAYS = { firstDelayMs: 50, delayMaxMs: 2000 };

export interface VolumeLogOptions {
  readonly store: ObjectStore;
  readonly cache: RecordCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  /** How long an append goes on trying, ms. */
  readonly appendDeadlineMs: number;
  readonly metrics: MetricsRegistry;
}

/** A record to append, and what tells that a stored one is ours. */
export interface AppendRequest {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  readonly bytes: Uint8Array;
  /** What the bytes say. */
  readonly record: CommitRecord;
  readonly commitId: CommitId | undefined;
}

/** What the LSN holds now, from stored bytes. */
export interface AppendOutcome {
  /**
   * `created`: our record, by this very PUT, so it is the head. `found`: our record, by a PUT
   * whose answer was lost or by an earlier request; others may stand on it. `taken`: another
   * record.
   */
  readonly kind: "created" | "found" | "taken";
  readonly commit: CatalogCommit;
  /** An earlier request with the same commit id put it there. */
  readonly isReplay: boolean;
}

export class VolumeLog {
  readonly #options: VolumeLogOptions;
  readonly #reads = new Coalescer<string, Uint8Array | undefined>();
  readonly #found: ReadTally;

  constructor(options: VolumeLogOptions) {
    this.#options = options;
    this.#found = createReadTally(options.metrics, "record");
  }

  /**
   * Creates the record, whatever the weather: a create that failed is read back, and repeated with
   * the same bytes while nothing is there.
   *
   * @throws GraftError `unavailable` when the deadline passes: the outcome is unknown; what the
   *   store answers when it cannot be written to
   */
  async append(request: AppendRequest): Promise<AppendOutcome> {
    const { clock, random, appendDeadlineMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + appendDeadlineMs;
    let failure: unknown;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryAppend(request, deadlineMs);
      } catch (error) {
        if (!isGraftError(error, "unavailable")) throw error;
        failure = error;
      }
      const delayMs = backoffDelayMs(RETRY_DELAYS, attempt, random);
      if (clock.monotonicMs() + delayMs >= deadlineMs) throw unknownOutcome(request, failure);
      await clock.sleep(delayMs);
    }
  }

  /** The stored commit at an LSN; undefined when there is none. @throws GraftError `corrupt` */
  async read(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit | undefined> {
    const bytes = await this.readBytes(volumeId, lsn, signal);
    return bytes && this.#decode({ volumeId, lsn }, bytes);
  }

  /**
   * The stored bytes of a record, verified, and shared with others: do not write to them.
   *
   * @throws GraftError `corrupt`
   */
  async readBytes(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const { store, cache } = this.#options;
    const key = logKey(volumeId, lsn);
    const read = async (flight: AbortSignal): Promise<Uint8Array | undefined> => {
      const stored = await store.get(key, { signal: flight });
      if (stored === undefined) return undefined;
      // Decoded before it is kept: what came back damaged must be read again, not remembered.
      this.#decode({ volumeId, lsn }, stored.bytes);
      cache.add(key, stored.bytes);
      this.#found("object_store");
      return stored.bytes;
    };
    const cached = cache.get(key);
    if (cached !== undefined) this.#found("memory");
    return cached ?? (await this.#reads.run(key, read, signal));
  }

  /** The last LSN. @param from a lower bound that is known to exist; without it the hint is read */
  async findHead(
    volumeId: VolumeId,
    from: Lsn | undefined,
    signal?: AbortSignal,
  ): Promise<Lsn | undefined> {
    const hint = from ?? (await this.#readHint(volumeId, signal));
    // Records are read as a whole: the last that is found is wanted next.
    const exists = async (lsn: Lsn): Promise<boolean> =>
      lsn === from || (await this.readBytes(volumeId, lsn, signal)) !== undefined;
    return findHead(exists, hint);
  }

  async #readHint(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<Lsn | undefined> {
    const hint = await this.#options.store.get(headKey(volumeId), { signal });
    return hint && decodeHeadHint(hint.bytes);
  }

  async #tryAppend(request: AppendRequest, deadlineMs: number): Promise<AppendOutcome> {
    const { store, clock, cache } = this.#options;
    const { volumeId, lsn, bytes } = request;
    const key = logKey(volumeId, lsn);
    const timeoutMs = Math.min(ATTEMPT_TIMEOUT_MS, deadlineMs - clock.monotonicMs());
    let failure: GraftError | undefined;
    try {
      const outcome = await within(clock, timeoutMs, `PUT ${key}`, (signal) =>
        // ──────────────── THE COMMIT POINT: "created" here is the commit. ────────────────
        store.create(key, bytes, { signal }),
      );
      if (outcome === "created") {
        cache.add(key, bytes);
        return { kind: "created", commit: this.#built(request), isReplay: false };
      }
    } catch (error) {
      if (!isGraftError(error)) throw error;
      failure = error;
    }
    const stored = await within(clock, timeoutMs, `GET ${key}`, (signal) =>
      store.get(key, { signal }),
    );
    if (stored !== undefined) return this.#judge(request, stored.bytes);
    throw failure ?? new GraftError("unavailable", `${key} exists and cannot be read`);
  }

  /** Stored by a PUT that was answered with success: it need not be read to be known. */
  #built({ record, bytes }: AppendRequest): CatalogCommit {
    const hash = commitRecordHash(bytes, this.#options.compute);
    // The request's own bytes must not live on for a few of them.
    const inlineFrames = record.inlineFrames.map((frame) => ({
      ...frame,
      data: frame.data.slice(),
    }));
    return { record: { ...record, inlineFrames }, hash, storedSize: bytes.length };
  }

  /** Whose record is it? Only its stored bytes can tell. */
  #judge(request: AppendRequest, stored: Uint8Array): AppendOutcome {
    const commit = this.#decode(request, stored);
    const { commitId } = commit.record;
    const isSameAttempt = equalBytes(stored, request.bytes);
    const isSameCommit = commitId !== undefined && commitId === request.commitId;
    this.#options.cache.add(logKey(request.volumeId, request.lsn), stored);
    if (isSameAttempt) return { kind: "found", commit, isReplay: false };
    return { kind: isSameCommit ? "found" : "taken", commit, isReplay: isSameCommit };
  }

  #decode(place: Pick<AppendRequest, "volumeId" | "lsn">, bytes: Uint8Array): CatalogCommit {
    const { volumeId, lsn } = place;
    return decodeCatalogCommit(bytes, { volumeId, lsn }, this.#options.compute);
  }
}

function unknownOutcome({ volumeId, lsn }: AppendRequest, cause: unknown): GraftError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new GraftError(
    "unavailable",
    `commit at LSN ${lsn} of volume ${volumeId}: the outcome is unknown, repeat the request (${why})`,
    { details: { volume: volumeId, lsn: String(lsn), outcome: "unknown" }, cause },
  );
}
