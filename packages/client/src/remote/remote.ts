import type {
  ClientId,
  CommitId,
  GraftError,
  Lsn,
  Page,
  PageCount,
  PageSet,
  PageSize,
  Snapshot,
  VolumeId,
} from "@graft/core";
import type { QueryEnd, QueryHint, SegmentInfo, WatchRequest } from "@graft/rpc";

/**
 * The two services as one replica sees them. Every failure is a `GraftError`; `unavailable` means
 * that nobody knows whether the request was carried out.
 */
export interface Remote {
  /** What a person calls it: "http://127.0.0.1:3000". */
  readonly name: string;

  /**
   * News of many volumes, until the signal is aborted or the server ends it. Every volume's first
   * event tells what the LSN it was asked with lacks; the first heartbeat says that all were told.
   * Nothing is buffered: the next event is made when it is asked for. Ends with `unavailable` when
   * the connection is lost, `unauthenticated` when the token has expired.
   */
  watch(request: WatchRequest, signal?: AbortSignal): AsyncIterable<RemoteEvent>;

  /** The latest snapshot; undefined when the volume does not exist or has no commit. */
  getSnapshot(volumeId: VolumeId, signal?: AbortSignal): Promise<Snapshot | undefined>;

  /** What changed after `from`; undefined when nothing did. @throws `not-found` */
  pullChanges(
    volumeId: VolumeId,
    from: Lsn,
    signal?: AbortSignal,
  ): Promise<RemoteChanges | undefined>;

  /** Commits of the volume, ascending, from `from` on: one page of them. */
  pullCommits(volumeId: VolumeId, from: Lsn, signal?: AbortSignal): Promise<CommitPage>;

  /** Makes a volume without commits; harmless when it exists with the same page size. */
  createVolume(volumeId: VolumeId, pageSize: PageSize, signal?: AbortSignal): Promise<void>;

  /**
   * Asks once for a commit. "rejected" is definite: another commit holds the LSN after the base. An
   * error is definite only when `saysNothingWritten` (rpc).
   */
  commit(request: RemoteCommitRequest, signal?: AbortSignal): Promise<RemoteCommitAnswer>;

  /** Pages of a snapshot; see `covered`. At most 1024 indexes a call. */
  readPages(request: ReadPagesRequest, signal?: AbortSignal): Promise<CoveredPages>;
  /**
   * Page 1 of a snapshot, of the newest when none is named, and what a fresh reader of a SQLite
   * database needs besides: a gift, of which nothing has to come. Fails where a server does not
   * know it. Absent where none does.
   */
  readBundle?(request: ReadBundleRequest, signal?: AbortSignal): Promise<BundledPages>;
  /** All pages of a set, in as many parts as it takes. */
  streamPages(request: ReadPagesRequest, signal?: AbortSignal): AsyncIterable<CoveredPages>;
  /** Stores pages, at most 8 MiB, as segments that a commit may name. */
  writePages(
    volumeId: VolumeId,
    pageSize: PageSize,
    pages: readonly Page[],
    signal?: AbortSignal,
  ): Promise<readonly UploadedSegment[]>;

  /**
   * Lets go of connections that are taken for dead, though nobody has said so: calls under way fail
   * as `unavailable`, later ones connect anew. Absent where there is nothing to let go of.
   */
  reconnect?(): void;

  close(): Promise<void>;
}

/** What a stream says; a hint, or news that can be applied as it is. */
export type RemoteEvent =
  /** Every volume is where the last event left it. Draining: open a new stream, elsewhere. */
  | { readonly kind: "heartbeat"; readonly draining: boolean }
  | RemoteNews
  /** The server does not keep what lies in between: pull. */
  | { readonly kind: "resync"; readonly volumeId: VolumeId }
  /** This volume is no longer watched on this stream; the others are. */
  | { readonly kind: "end"; readonly volumeId: VolumeId; readonly error: GraftError };

/** The commits (from, snapshot.lsn], folded into one. */
export interface RemoteNews {
  readonly kind: "news";
  /** Apply it only when this is exactly the LSN you have (undefined: none); otherwise pull. */
  readonly from: Lsn | undefined;
  readonly snapshot: Snapshot;
  readonly changed: PageSet;
  /** Yours among them: your push landed. */
  readonly commitIds: readonly CommitId[];
  /** All pages of `changed` that exist, verified, or none at all. */
  readonly pages: readonly Page[];
}

export interface RemoteChanges {
  readonly snapshot: Snapshot;
  readonly changed: PageSet;
}

export interface CommitPage {
  readonly commits: readonly RemoteCommitInfo[];
  readonly hasMore: boolean;
}

export interface RemoteCommitInfo {
  readonly snapshot: Snapshot;
  readonly changedPageCount: number;
  readonly message: string | undefined;
  readonly appTransactionId: string | undefined;
}

export type { WatchRequest } from "@graft/rpc";

/** A segment that was uploaded, as a commit names it. */
export type UploadedSegment = SegmentInfo;

export interface RemoteCommitRequest {
  readonly volumeId: VolumeId;
  readonly clientId: ClientId;
  readonly commitId: CommitId;
  readonly base: Lsn | undefined;
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  readonly lowPageCount: PageCount;
  readonly segments: readonly UploadedSegment[];
  /** Pages that travel inside the commit, ascending, at most 128 KiB together. */
  readonly inlinePages: readonly Page[];
  readonly message: string | undefined;
  readonly appTransactionId: string | undefined;
}

export type RemoteCommitAnswer =
  | { readonly kind: "committed"; readonly snapshot: Snapshot }
  | { readonly kind: "rejected" };

export interface ReadPagesRequest {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  readonly pageSize: PageSize;
  readonly pages: PageSet;
  /** Pages that may be needed next: the answer settles some of them, or none. */
  readonly prefetch?: PageSet;
  /** What is about to be run: the answer may settle all that it touches. */
  readonly query?: QueryHint | undefined;
}

export interface ReadBundleRequest {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn | undefined;
  /** Bytes on the wire, page 1 not counted. */
  readonly sizeMax: number;
}

/** Pages of the snapshot at an LSN. */
export interface BundledPages extends CoveredPages {
  readonly lsn: Lsn;
}

/**
 * `pages` lie in `covered`; an index in `covered` without a page does not exist (reads as zeros).
 */
export interface CoveredPages {
  readonly pages: readonly Page[];
  readonly covered: PageSet;
  /** How the run of the request's query ended; absent when none was run. */
  readonly queryEnd?: QueryEnd | undefined;
}
