/**
 * Commits, in order:
 *
 *     decide (replay? base?) → verify what is claimed → build → PUT → catalog, hint, watchers → answer
 *                                                              │
 *     refused: nothing was written ◀───────────────────────────┤ before it
 *     committed, taken, or unknown: repeat the request ◀───────┘ after it
 *
 * Before the PUT everything may be repeated or given up. From the PUT on the caller's own abort no
 * longer matters: the commit goes on until its outcome is known, or the deadline passes.
 */
import type { CatalogCommit } from "@graft/catalog";
import {
  CLOCK_SKEW_MAX_MS,
  type Clock,
  type Compute,
  GraftError,
  inTurn,
  KeyedLimiter,
  type Lsn,
  nextLsn,
  unreachable,
} from "@graft/core";
import {
  type CommitRecord,
  commitPageSet,
  encodeCommitRecord,
  type SegmentRef,
  snapshotOf,
  type TailFields,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import {
  type CommitAnswer,
  type CommitRequest,
  type Log,
  type MetricsRegistry,
  present,
  registerQueue,
  volumeTooLarge,
} from "@graft/rpc";
import { asRefused } from "./as-refused.ts";
import type { CatalogUpdater } from "./catalog-updater.ts";
import type { Checkpointer } from "./checkpointer.ts";
import {
  type CommitAttempt,
  type CommitDecision,
  decideCommit,
  needsContents,
} from "./commit-decision.ts";
import { CommitTally } from "./commit-tally.ts";
import { verifyInlineFrames } from "./inline-frames.ts";
import type { KnownHeads } from "./known-heads.ts";
import type { SegmentVerifier } from "./segment-verifier.ts";
import type { VolumeLog } from "./volume-log.ts";
import type { VolumeMaps } from "./volume-map.ts";
import { otherPageSize, type VolumeRecords } from "./volume-records.ts";

export interface CommitterParts {
  readonly store: ObjectStore;
  readonly volumeLog: VolumeLog;
  readonly commits: CatalogUpdater;
  readonly heads: KnownHeads;
  readonly volumes: VolumeRecords;
  readonly segments: SegmentVerifier;
  readonly checkpointer: Checkpointer;
  readonly maps: VolumeMaps;
  readonly clock: Clock;
  readonly compute: Compute;
  readonly log: Log;
  readonly metrics: MetricsRegistry;
  /** Bytes of pages that a volume may have; absent: what the format holds. */
  readonly volumeBytesMax?: number | undefined;
  /** Told of every commit that this node created, once it is in the catalog. */
  readonly onCommit: (commit: CatalogCommit) => void;
}

/** What a caller may do besides. */
export interface CommitRights {
  /** Whether its commit may make the volume: else it has to be there. */
  readonly mayCreate: boolean;
}

const ALL_RIGHTS: CommitRights = { mayCreate: true };

/** What a request was found to be. */
type Prepared =
  | { readonly kind: "answer"; readonly answer: CommitAnswer }
  | { readonly kind: "append"; readonly record: CommitRecord; readonly bytes: Uint8Array };

/**
 * Commits under way at once, whose requests may be large; more wait. A record of 16 MiB takes about
 * four times that while it is built: large ones go alone.
 */
const SMALL_COMMIT_CONCURRENCY = 256;
const LARGE_COMMIT_CONCURRENCY = 2;
/** Segments of a commit that still counts as small: its record stays below some 100 KiB. */
const SMALL_SEGMENT_COUNT_MAX = 64;

export class Committer {
  readonly #parts: CommitterParts;
  readonly #small = new KeyedLimiter<"commit">(SMALL_COMMIT_CONCURRENCY);
  readonly #large = new KeyedLimiter<"commit">(LARGE_COMMIT_CONCURRENCY);
  readonly #tally: CommitTally;

  constructor(parts: CommitterParts) {
    this.#parts = parts;
    this.#tally = new CommitTally(parts.metrics);
    const queues = [
      ["commits_small", this.#small],
      ["commits_large", this.#large],
    ] as const;
    for (const [name, permits] of queues) {
      registerQueue(parts.metrics, name, () => ({
        activeCount: permits.activeCount("commit"),
        waitingCount: permits.waitingCount("commit"),
      }));
    }
  }

  /**
   * Appends one commit, or answers what it was answered before.
   *
   * @throws GraftError `rejected` when another commit holds the LSN; `not-found` for a base or a
   *   segment that does not exist; `invalid-argument`, `resource-exhausted`, `corrupt`;
   *   `unavailable`. An error that says `saysNothingWritten` is definite for this attempt; any
   *   other leaves the outcome unknown.
   */
  async commit(
    request: CommitRequest,
    signal: AbortSignal | undefined,
    rights: CommitRights = ALL_RIGHTS,
  ): Promise<CommitAnswer> {
    const isSmall = request.segments.length <= SMALL_SEGMENT_COUNT_MAX;
    const permits = isSmall ? this.#small : this.#large;
    const commit = permits.run("commit", () => this.#commit(request, rights, signal), signal);
    return await this.#tally.count(commit);
  }

  async #commit(
    request: CommitRequest,
    rights: CommitRights,
    signal: AbortSignal | undefined,
  ): Promise<CommitAnswer> {
    let prepared: Prepared;
    try {
      prepared = await this.#prepare(request, rights, signal);
    } catch (error) {
      throw asRefused(error);
    }
    if (prepared.kind === "answer") return prepared.answer;
    return await this.#append(request, prepared.record, prepared.bytes);
  }

  async #prepare(
    request: CommitRequest,
    { mayCreate }: CommitRights,
    signal: AbortSignal | undefined,
  ): Promise<Prepared> {
    const { volumeId, baseLsn } = request;
    const { heads, commits } = this.#parts;
    const parent =
      baseLsn === undefined ? undefined : await this.#readBase(request, baseLsn, signal);
    // Only what is known: the PUT finds out the rest, and never beyond the base.
    const known = heads.peek(volumeId) ?? 0n;
    const tooLarge = this.#tooLarge(request, parent);
    const next = nextLsn(baseLsn);
    const successor =
      known > (baseLsn ?? 0n)
        ? await commits.must(volumeId, next, signal)
        : // What may be there already is not refused: no PUT finds it out.
          tooLarge && (await commits.get(volumeId, next, signal));
    const decision = await this.#decide(request, parent, successor, signal);
    if (decision.kind !== "accept") return { kind: "answer", answer: answerOf(request, decision) };
    if (tooLarge !== undefined) throw tooLarge;
    if (parent !== undefined) await this.#parts.checkpointer.admit(parent, signal);
    await verifyInlineFrames(request, this.#parts);
    const segments = await this.#verifySegments(request, parent, signal);
    const timestampMs = this.#timestampMs(request, parent);
    const fields = await this.#tailFields(request, parent, signal);
    const record = buildRecord(request, { parent, segments, timestampMs, fields });
    const { clock, compute } = this.#parts;
    const bytes = await inTurn(clock, () => encodeCommitRecord(record, compute), signal);
    if (baseLsn === undefined) {
      const { volumes } = this.#parts;
      if (mayCreate) await volumes.ensure(volumeId, request.pageSize, signal);
      else await volumes.mustExist(volumeId, request.pageSize, signal);
    }
    return { kind: "append", record, bytes };
  }

  /** A volume that is larger than it may be is still written, and shrinks; it does not grow. */
  #tooLarge(
    { volumeId, pageSize, pageCount }: CommitRequest,
    parent: CatalogCommit | undefined,
  ): GraftError | undefined {
    const limitBytes = this.#parts.volumeBytesMax ?? Number.POSITIVE_INFINITY;
    const sizeBytes = pageCount * pageSize;
    if (sizeBytes <= limitBytes || pageCount <= (parent?.record.pageCount ?? 0)) return undefined;
    return volumeTooLarge({ volumeId, sizeBytes, limitBytes });
  }

  /**
   * The commit at the base, with those between it and what is known. Undefined: it does not exist.
   */
  async #readBase(
    { volumeId }: CommitRequest,
    baseLsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit | undefined> {
    const { heads, commits } = this.#parts;
    const known = heads.peek(volumeId);
    const base = await commits.get(volumeId, baseLsn, signal);
    if (base === undefined || known === undefined || known >= baseLsn) {
      if (base !== undefined) heads.saw(volumeId, baseLsn);
      return base;
    }
    // Another node committed what lies between: read it, so that the chain is checked and
    // catalogued.
    for await (const _ of commits.range(volumeId, { start: nextLsn(known), end: baseLsn }, signal));
    heads.saw(volumeId, baseLsn);
    return base;
  }

  async #decide(
    request: CommitRequest,
    parent: CatalogCommit | undefined,
    successor: CatalogCommit | undefined,
    signal: AbortSignal | undefined,
  ): Promise<CommitDecision> {
    const attempt = attemptOf(request);
    const knowledge = { parent: parent?.record, successor };
    if (successor === undefined || !needsContents(attempt, successor)) {
      return decideCommit(attempt, knowledge);
    }
    const segments = await this.#verifySegments(request, parent, signal);
    return decideCommit(attempt, { ...knowledge, segments });
  }

  async #verifySegments(
    request: CommitRequest,
    parent: CatalogCommit | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly SegmentRef[]> {
    const { volumeId, pageSize, segments } = request;
    const namedAtBase = async (): Promise<ReadonlySet<string>> =>
      parent === undefined ? new Set() : await this.#parts.maps.segmentsAt(parent, signal);
    return await this.#parts.segments.verify({ volumeId, pageSize, segments, namedAtBase }, signal);
  }

  async #tailFields(
    request: CommitRequest,
    parent: CatalogCommit | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TailFields> {
    const { volumeId, pageCount, lowPageCount, segments, inlineFrames } = request;
    const { checkpointer, maps } = this.#parts;
    const next = {
      lsn: nextLsn(parent?.record.lsn),
      pageSet: commitPageSet({ segments, inlineFrames }),
      pageCount,
      lowPageCount,
      checkpoint: parent && checkpointer.newest(volumeId, parent.record.lsn),
    };
    return await maps.nextFields(volumeId, present(next), parent, signal);
  }

  async #append(
    request: CommitRequest,
    record: CommitRecord,
    bytes: Uint8Array,
  ): Promise<CommitAnswer> {
    const { volumeId, commitId } = request;
    const { volumeLog, heads, commits, onCommit } = this.#parts;
    const { lsn } = record;
    const outcome = await volumeLog
      .append({ volumeId, lsn, bytes, record, commitId })
      .catch((error: unknown) => {
        heads.doubt(volumeId);
        throw error;
      });
    const { commit } = outcome;
    if (outcome.kind === "created") heads.created(volumeId, lsn);
    else heads.saw(volumeId, lsn);
    commits.add(commit);
    onCommit(commit);
    if (outcome.kind !== "taken") {
      return { snapshot: snapshotOf(commit.record), replayed: outcome.isReplay };
    }
    // Another commit was faster; without commit ids it may still be this one, sent twice.
    const decision = await this.#decide(request, undefined, commit, undefined);
    return answerOf(request, decision);
  }

  /** Never below the parent's, so that time goes forward along the log. */
  #timestampMs(request: CommitRequest, parent: CatalogCommit | undefined): number {
    const { store, clock, log } = this.#parts;
    const nowMs = Math.floor(clock.nowMs());
    const storeMs = store.serverTimeMs();
    if (storeMs !== undefined && Math.abs(storeMs - nowMs) > CLOCK_SKEW_MAX_MS) {
      throw new GraftError(
        "unavailable",
        `the clock of this server and the object store's differ by ${Math.abs(storeMs - nowMs)} ms, ` +
          `more than ${CLOCK_SKEW_MAX_MS}: set the clock, then repeat the request`,
        { details: { expected: storeMs, actual: nowMs } },
      );
    }
    const parentMs = parent?.record.timestampMs ?? 0;
    if (parentMs > nowMs + CLOCK_SKEW_MAX_MS) {
      const facts = { volume: request.volumeId, parentMs, nowMs };
      log.warn(facts, "the parent commit comes from the future");
    }
    return Math.max(0, nowMs, parentMs);
  }
}

function attemptOf(request: CommitRequest): CommitAttempt {
  const { segments, inlineFrames } = request;
  const pageSet = commitPageSet({ segments, inlineFrames });
  const named = [...segments, ...inlineFrames].reduce(
    (sum, part) => sum + part.pageSet.cardinality,
    0,
  );
  const { clientId, pageCount, pageSize, commitId, baseLsn } = request;
  const hasDoubles = named !== pageSet.cardinality;
  return present({ clientId, pageCount, pageSize, pageSet, hasDoubles, commitId, baseLsn });
}

function buildRecord(
  request: CommitRequest,
  found: {
    readonly parent: CatalogCommit | undefined;
    readonly segments: readonly SegmentRef[];
    readonly timestampMs: number;
    readonly fields: TailFields;
  },
): CommitRecord {
  const { volumeId, clientId, commitId, pageSize, pageCount, lowPageCount } = request;
  return present({
    volumeId,
    clientId,
    commitId,
    pageSize,
    pageCount,
    lsn: nextLsn(request.baseLsn),
    timestampMs: found.timestampMs,
    lowPageCount: lowPageCount < pageCount ? lowPageCount : undefined,
    parentHash: found.parent?.hash,
    segments: found.segments,
    inlineFrames: request.inlineFrames,
    ...found.fields,
    metadata: request.metadata,
  });
}

function answerOf(request: CommitRequest, decision: CommitDecision): CommitAnswer {
  const { volumeId, baseLsn, pageSize } = request;
  const details = { volume: volumeId, base: String(baseLsn ?? 0n) };
  switch (decision.kind) {
    case "replay":
      return { snapshot: snapshotOf(decision.commit.record), replayed: true };
    case "reject": {
      const { lsn, clientId } = decision.by.record;
      throw new GraftError(
        "rejected",
        `volume ${volumeId}: LSN ${lsn} is held by a commit of client ${clientId}, so a commit on base ` +
          `${baseLsn ?? "nothing"} cannot follow; pull, then reset or rebase`,
        { details: { ...details, lsn: String(lsn), client: clientId } },
      );
    }
    case "mismatch":
      throw new GraftError(
        "invalid-argument",
        `idempotent commit does not match previous request: ${decision.what}`,
        { details },
      );
    case "missing-base":
      throw new GraftError(
        "not-found",
        `volume ${volumeId} has no commit at LSN ${baseLsn}, the base of this commit`,
        { details: { ...details, missing: "base" } },
      );
    case "other-page-size":
      throw otherPageSize(volumeId, decision.expected, pageSize);
    case "accept":
      throw new GraftError("internal", "an accepted commit is appended");
    default:
      return unreachable(decision);
  }
}
