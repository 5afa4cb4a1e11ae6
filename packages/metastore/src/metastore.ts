/**
 * The MetaStore's operations, in domain terms: make volumes, say what changed, append commits,
 * watch.
 */
import type { CatalogCommit } from "@graft/catalog";
import {
  GraftError,
  LSN_FIRST,
  type Lsn,
  type LsnRange,
  type PageSize,
  PULL_COMMITS_SIZE_MAX,
  type Snapshot,
  toLsn,
  type VolumeId,
} from "@graft/core";
import { snapshotOf } from "@graft/format";
import {
  type CommitAnswer,
  type CommitRequest,
  type CreateVolumeAnswer,
  type PullCommitsAnswer,
  type PullCommitsRequest,
  type PullGraftAnswer,
  present,
  type StreamSink,
  type WatchEvent,
  type WatchRequest,
  type WireCommit,
} from "@graft/rpc";
import type { CatalogUpdater } from "./catalog-updater.ts";
import type { CommitRights, Committer } from "./committer.ts";
import type { KnownHeads } from "./known-heads.ts";
import { fullForm, shortForm, wireSizeOf } from "./pulled-commit.ts";
import type { VolumeLog } from "./volume-log.ts";
import type { VolumeMaps } from "./volume-map.ts";
import type { VolumeRecords } from "./volume-records.ts";
import type { WatchHub } from "./watch-hub.ts";
import type { WatchTerms } from "./watch-terms.ts";

export interface MetastoreParts {
  readonly volumeLog: VolumeLog;
  readonly commits: CatalogUpdater;
  readonly heads: KnownHeads;
  readonly volumes: VolumeRecords;
  readonly committer: Committer;
  readonly hub: WatchHub;
  readonly maps: VolumeMaps;
}

/** A snapshot, with the newest checkpoint at or below it. */
export interface FoundSnapshot {
  readonly snapshot: Snapshot;
  readonly checkpointLsn?: Lsn;
}

export class Metastore {
  readonly #parts: MetastoreParts;

  constructor(parts: MetastoreParts) {
    this.#parts = parts;
  }

  /**
   * Makes a volume without commits. @throws GraftError `invalid-argument` when it has other pages
   */
  async createVolume(
    volumeId: VolumeId,
    pageSize: PageSize,
    signal?: AbortSignal,
  ): Promise<CreateVolumeAnswer> {
    const outcome = await this.#parts.volumes.ensure(volumeId, pageSize, signal);
    return { pageSize, created: outcome === "created" };
  }

  /**
   * The latest snapshot, or the one at an LSN.
   *
   * @throws GraftError `not-found` when the volume has no commit, or none at the LSN
   */
  async getSnapshot(
    volumeId: VolumeId,
    lsn: Lsn | undefined,
    signal?: AbortSignal,
  ): Promise<FoundSnapshot> {
    return foundSnapshot(await this.#load(volumeId, lsn, signal));
  }

  /**
   * What changed in a range, as one page set: by its last record and that record's checkpoint.
   *
   * @throws GraftError as `getSnapshot`
   */
  async pullGraft(
    volumeId: VolumeId,
    range: LsnRange,
    signal?: AbortSignal,
  ): Promise<PullGraftAnswer> {
    const newest = await this.#load(volumeId, range.end, signal);
    const found = foundSnapshot(newest);
    const { start } = range;
    const end = newest.record.lsn;
    if (end < start) return found;
    const since = start === LSN_FIRST ? undefined : toLsn(start - 1n);
    const pageSet = await this.#parts.maps.changedSince(since, newest, signal);
    return { ...found, changes: { range: { start, end }, pageSet } };
  }

  /**
   * The commits of a range, as many as fit an answer, at least one; none when nothing is newer.
   *
   * @throws GraftError as `getSnapshot`
   */
  async pullCommits(request: PullCommitsRequest, signal?: AbortSignal): Promise<PullCommitsAnswer> {
    const { volumeId, range, includeRecords } = request;
    const newest = await this.#load(volumeId, range.end, signal);
    const { start } = range;
    const end = newest.record.lsn;
    const commits: WireCommit[] = [];
    if (end < start) return { commits, hasMore: false };
    let size = 0;
    for await (const commit of this.#parts.commits.range(volumeId, { start, end }, signal)) {
      const full = includeRecords ? await this.#fullForm(commit, signal) : shortForm(commit);
      const fullSize = wireSizeOf(full);
      const isFirst = commits.length === 0;
      if (!isFirst && size + fullSize > PULL_COMMITS_SIZE_MAX) return { commits, hasMore: true };
      commits.push(isFirst && fullSize > PULL_COMMITS_SIZE_MAX ? shortForm(commit) : full);
      size += fullSize;
    }
    return { commits, hasMore: false };
  }

  /** Appends one commit. @throws GraftError see `Committer.commit` */
  async commit(
    request: CommitRequest,
    signal?: AbortSignal,
    rights?: CommitRights,
  ): Promise<CommitAnswer> {
    return await this.#parts.committer.commit(request, signal, rights);
  }

  /** News of many volumes until the signal is aborted, or the server drains. See `WatchHub`. */
  watch(request: WatchRequest, signal: AbortSignal, terms?: WatchTerms): AsyncIterable<WatchEvent> {
    return this.#parts.hub.watch(request, signal, terms);
  }

  /** As `watch`, as encoded bytes. */
  async streamNews(
    request: WatchRequest,
    sink: StreamSink,
    signal: AbortSignal,
    terms?: WatchTerms,
  ): Promise<void> {
    await this.#parts.hub.stream(request, sink, signal, terms);
  }

  async #fullForm(commit: CatalogCommit, signal: AbortSignal | undefined): Promise<WireCommit> {
    const { volumeId, lsn } = commit.record;
    // A record that is over the limit alone is not read for nothing.
    if (commit.storedSize > PULL_COMMITS_SIZE_MAX) return shortForm(commit);
    const bytes = await this.#parts.volumeLog.readBytes(volumeId, lsn, signal);
    return bytes === undefined ? shortForm(commit) : fullForm(commit, bytes);
  }

  async #load(
    volumeId: VolumeId,
    lsn: Lsn | undefined,
    signal: AbortSignal | undefined,
  ): Promise<CatalogCommit> {
    const { heads } = this.#parts;
    // An LSN that is known to exist: which one is the latest does not matter.
    if (lsn !== undefined && heads.covers(volumeId, lsn)) {
      return await this.#parts.commits.must(volumeId, lsn, signal);
    }
    const latest = await heads.latest(volumeId, signal);
    if (latest === undefined || (lsn !== undefined && lsn > latest)) {
      throw snapshotMissing(volumeId, lsn, latest);
    }
    return await this.#parts.commits.must(volumeId, lsn ?? latest, signal);
  }
}

function foundSnapshot({ record }: CatalogCommit): FoundSnapshot {
  return present({ snapshot: snapshotOf(record), checkpointLsn: record.checkpoint?.lsn });
}

function snapshotMissing(
  volumeId: VolumeId,
  lsn: Lsn | undefined,
  latest: Lsn | undefined,
): GraftError {
  const what =
    latest === undefined
      ? `volume ${volumeId} has no commit: it exists once its first commit landed`
      : `volume ${volumeId} has no commit at LSN ${lsn}, its latest is ${latest}`;
  return new GraftError("not-found", what, {
    details: { volume: volumeId, ...(lsn === undefined ? {} : { lsn: String(lsn) }) },
  });
}
