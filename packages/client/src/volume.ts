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
  /**
   * Ends a divergence by running the local transactions again, in order, each in a transaction of
   * its own, on the newest remote snapshot. Writers of all processes wait meanwhile; readers see
   * the transactions come back one by one. What cannot be run again goes to the outbox.
   *
   * When it rejects, or the process dies, the volume is still diverged, what was not run again is
   * kept on disk, and the next `rebase` goes on there: nothing is lost and nothing is run twice.
   * Without a divergence it does nothing.
   */
  rebase(options: RebaseOptions): Promise<RebaseResult>;
  /** Transactions that could not be run again. */
  readonly outbox: VolumeOutbox;

  /**
   * Keeps the volume current by itself from now on, until `stopSync` or `close`: local commits are
   * pushed as they come, remote ones arrive. Nothing that fails ends it; what fails shows in
   * `status()` and as `error`, and is tried again, later each time. Harmless when it runs already.
   */
  startSync(policy?: SyncPolicy): void;
  /** What is under way is given up; pending commits stay on disk. */
  stopSync(): Promise<void>;
  /**
   * Resolves when the remote snapshot underneath is `lsn` or newer. While the volume syncs by
   * itself it waits for events; else it pulls, later each time.
   */
  waitForRemote(lsn: Lsn, options?: CallOptions): Promise<void>;
  /**
   * Resolves with the LSN that holds all that was committed here before the call (undefined: there
   * is no commit at all). While the volume syncs by itself it waits for the push; else it pushes.
   *
   * @throws GraftError `diverged`: it will not get there by itself
   */
  waitForPushed(options?: CallOptions): Promise<Lsn | undefined>;

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
  /** Does nothing unless the volume is diverged, whoever may have ended that. Default false. */
  readonly onlyDiverged?: boolean;
  readonly save?: (reader: VolumeReader, note: string | undefined) => Promise<void>;
}

export interface RebaseOptions extends CallOptions {
  /**
   * Runs a transaction again: one write transaction on `volume` whose commit carries the same app
   * transaction id. What it answers is final; when it throws, the rebase stops there and can go on
   * later. `volume` is this one for who has its turn to write: it is good during the call only.
   */
  readonly replay: (transaction: SetAsideTransaction, volume: Volume) => Promise<ReplayOutcome>;
  /** Why it can never be run again: it is not handed to `replay`. Undefined: it can. */
  readonly refusalOf: (transaction: SetAsideTransaction) => string | undefined;
  /**
   * As in `ResetOptions`: called when something cannot be run again; without it that is refused.
   */
  readonly save?: ResetOptions["save"];
}
export interface RebaseResult {
  readonly lsn: Lsn | undefined;
  /** Transactions that were run again. */
  readonly rebasedCount: number;
  /** Transactions that went to the outbox. */
  readonly rejectedCount: number;
}
export type ReplayOutcome =
  /** It was committed, or had nothing to change. */
  | { readonly kind: "done" }
  | { readonly kind: "rejected"; readonly code: string; readonly message: string };

/** A local transaction without its pages. */
export interface SetAsideTransaction {
  /** Its app transaction id, or one made up for it. */
  readonly id: string;
  /** The local version that it made. */
  readonly version: number;
  readonly message: string | undefined;
  readonly replay: Uint8Array | undefined;
}
/** Why a transaction could not be run again. */
export interface RejectionReason {
  /** A SQLite result code, a Graft error code, or the name of what a function threw. */
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}
/** A transaction that could not be run again. */
export interface RejectedTransaction extends SetAsideTransaction {
  readonly rejection: RejectionReason;
}
/** It is shared by all processes of the data directory, and survives them. */
export interface VolumeOutbox {
  /** Oldest first. */
  list(): readonly RejectedTransaction[];
  /** Gives a transaction up; false when it is not there. */
  discard(id: string, options?: CallOptions): Promise<boolean>;
  /**
   * Runs a transaction again on the newest local snapshot: done, or back in the outbox with another
   * error. @throws GraftError `not-found`
   */
  retry(id: string, options: RebaseOptions): Promise<ReplayOutcome>;
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

/** How a volume keeps itself current. */
export interface SyncPolicy {
  /** Ms that a local commit waits for others to be pushed with it. Default 0. */
  readonly pushDelayMs?: number;
  /**
   * What a remote commit brings along. "eager" (default): the pages that came with its news, so
   * that the next query needs no request · "lazy": only the knowledge of what changed · "full":
   * every page, fetched in the background.
   */
  readonly pages?: "eager" | "lazy" | "full";
  /**
   * The volume is diverged, and no automatic merge is possible. Called once for each time; when it
   * resolves, syncing goes on with what it left. Absent, or while it is left diverged: syncing
   * rests, local work goes on.
   */
  readonly onDiverged?: (signal: AbortSignal) => Promise<void>;
}

/** What `status` says of a volume that syncs by itself. */
export interface SyncHealth {
  /**
   * Whether this process speaks with the server for the volume, or another one on its directory.
   */
  readonly role: "leader" | "follower";
  /**
   * "live": the server tells what happens · "polling": asked again and again · "offline": the last
   * attempt failed. A follower's is what it tried itself: mostly nothing.
   */
  readonly connection: "live" | "polling" | "offline";
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
  /** Commits that were not pushed, and transactions in the outbox. */
  readonly local: { readonly pending: number; readonly rejected: number };
  readonly remote: { readonly lsn: Lsn | undefined };
  readonly cached: { readonly pages: number; readonly bytes: number };
  /**
   * Ms since this replica was last known to hold all that the server has: 0 while it is told of
   * everything and has applied it; undefined before the first contact. It grows when syncing
   * stalls. A process that does not sync says what the one says that does, or did last.
   */
  readonly lagMs: number | undefined;
  /** Undefined: pushing and pulling is up to the caller. */
  readonly sync: SyncHealth | undefined;
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
 * What became of a local transaction: `local → pushed | merged | rebased | rejected | discarded`.
 *
 * - "local": committed here · "pushed": remote, as it was committed · "merged": carried over to a
 *   newer base without running again; it is pushed later · "rebased": run again on a newer base; it
 *   is pushed later · "rejected": could not be run again, and is in the outbox · "discarded": given
 *   up by a reset.
 */
export type TransactionFate = "local" | "pushed" | "merged" | "rebased" | "rejected" | "discarded";

/** One transaction of this replica, and what became of it. */
export interface TransactionEvent {
  readonly fate: TransactionFate;
  /** What the application called it, if it did. */
  readonly appTransactionId: string | undefined;
  /** Its local version, before the change of fate. */
  readonly version: number;
  /** The remote commit that holds it, of a pushed one. */
  readonly lsn: Lsn | undefined;
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
  readonly transaction: TransactionEvent;
  readonly conflict: { readonly base: Lsn | undefined; readonly commitId: CommitId | undefined };
  readonly error: GraftError;
}
