import type {
  CommitId,
  GraftError,
  Lsn,
  PageCount,
  PageSet,
  PageSize,
  VolumeId,
} from "@graft/core";
import type { CommitPage } from "./remote/remote.ts";
import type { VolumeReader } from "./volume-reader.ts";
import type { CommitNote, VolumeWriter } from "./volume-writer.ts";

/**
 * A local, usually partial replica of a volume. Reads and local commits need no network once the
 * pages are here; everything that does is asynchronous and takes an `AbortSignal`.
 */
export interface Volume extends AsyncDisposable {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;

  /** A reader on the latest local snapshot. Close it. */
  openReader(): VolumeReader;

  /**
   * The volume's write transaction, on the latest local snapshot; undefined when one is open, here
   * or in another process (`busy`: try again in a moment). A reader that wants to upgrade compares
   * `base.version` with its own (`busy-snapshot`). News that waits is applied first.
   */
  openWriter(): VolumeWriter | undefined;

  /**
   * Sends all pending local commits as one remote commit. Resolves at the remote commit point.
   *
   * @throws GraftError `diverged` (base moved; local work is intact), `unavailable` (outcome
   *   unknown: call it again, the same commit id is repeated), `invalid-argument`,
   *   `resource-exhausted`
   */
  push(options?: PushOptions): Promise<PushResult>;
  /** Learns what changed and applies it. With local commits pending and news: `diverged`. */
  pull(options?: CallOptions): Promise<PullResult>;
  /** Pull, push when something is pending, pull again when the push was rejected is *not* tried. */
  sync(options?: CallOptions): Promise<SyncResult>;
  /** Brings every page of the latest snapshot here. Resumable. */
  hydrate(options?: HydrateOptions): Promise<HydrateResult>;
  /**
   * Gives up local commits and returns to the newest remote snapshot. `save` is called first with a
   * reader on the local work, unless there is none; when it rejects, nothing was reset.
   */
  reset(options?: ResetOptions): Promise<ResetResult>;

  status(): VolumeStatus;
  /** One page of the remote history, ascending from `from`. */
  remoteLog(from: Lsn, options?: CallOptions): Promise<CommitPage>;
  /** Pending local commits, oldest first. */
  pendingCommits(): readonly LocalCommit[];
  on<E extends keyof VolumeEvents>(
    event: E,
    listener: (value: VolumeEvents[E]) => void,
  ): () => void;

  /** Ends background work, and the volume's readers with it. Pending commits stay on disk. */
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}
export interface PushOptions extends CallOptions {
  readonly message?: string;
  readonly onProgress?: (progress: Progress) => void;
}
export interface HydrateOptions extends CallOptions {
  readonly onProgress?: (progress: Progress) => void;
}
export interface ResetOptions extends CallOptions {
  readonly save?: (reader: VolumeReader, note: string | undefined) => Promise<void>;
}

/** `done` of `total` pages. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type PushResult =
  | { readonly kind: "nothing-to-push" }
  | {
      readonly kind: "pushed";
      readonly lsn: Lsn;
      readonly commitCount: number;
      readonly pageCount: number;
    };
export interface PullResult {
  /** The remote LSN now underneath; undefined when the volume has no remote commit. */
  readonly lsn: Lsn | undefined;
  /** Pages known to have changed; 0 when nothing was new. */
  readonly changedPageCount: number;
}
export interface SyncResult {
  readonly pull: PullResult;
  readonly push: PushResult;
}
export interface HydrateResult {
  readonly fetchedPageCount: number;
}
export interface ResetResult {
  readonly lsn: Lsn | undefined;
  readonly discardedCommitCount: number;
}

/** States of docs/sync-state-machine.md. */
export type SyncStateKind = "synced" | "pending" | "pushing" | "unknown" | "diverged";

export interface VolumeStatus {
  readonly volumeId: VolumeId;
  readonly state: SyncStateKind;
  /** The latest local snapshot. */
  readonly snapshot: {
    readonly version: number;
    readonly pageCount: PageCount;
    readonly pageSize: PageSize;
  };
  readonly local: { readonly pending: number };
  readonly remote: { readonly lsn: Lsn | undefined };
  readonly cached: { readonly pages: number; readonly bytes: number };
  /** Ms since the last successful contact with the server; undefined before the first. */
  readonly lagMs: number | undefined;
  readonly lastError: { readonly error: GraftError; readonly sinceMs: number } | undefined;
}

/** A committed, unpushed transaction. */
export interface LocalCommit extends CommitNote {
  readonly version: number;
  readonly pageCount: PageCount;
  readonly pages: PageSet;
  /** Pages it may have read. Absent: unknown, as if it had read everything. */
  readonly reads?: PageSet;
}

/**
 * What happens in this process. What other processes of the data directory did is told when it is
 * noticed, by the next `status()`, push, pull or reset: as `status` and `conflict`, never as
 * `commit` or `remote`.
 */
export interface VolumeEvents {
  /** A local transaction was committed. */
  readonly commit: { readonly version: number };
  /** A remote snapshot was applied. */
  readonly remote: { readonly lsn: Lsn; readonly pages: PageSet };
  readonly status: VolumeStatus;
  readonly conflict: { readonly base: Lsn | undefined; readonly commitId: CommitId | undefined };
  readonly error: GraftError;
}
