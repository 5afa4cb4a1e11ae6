import type {
  CommitId,
  FileLock,
  Lsn,
  PageCount,
  PageIndex,
  PageSet,
  PageSize,
  VolumeId,
} from "@graft/core";
import type { UploadedSegment } from "../remote/remote.ts";
import type { LocalCommit } from "../volume.ts";
import type { CommitNote } from "../volume-writer.ts";
import type { NewPages, PageStage } from "./page-stage.ts";

/**
 * Everything one replica keeps of one volume.
 *
 * Guarantees an implementation gives:
 * - **Synchronous and atomic.** Each call happens at once and wholly; after a crash at any point
 *   each change is either there wholly or not at all.
 * - **Durable.** When `commitLocal`, `applyRemote`, `mergeRemote`, `preparePush`, `completePush`,
 *   `abandonPush`, `markDiverged` or `resetToRemote` returned, the change survives power loss
 *   (`commitLocal` of a `relaxed` store: survives the process). `putFetched` is a cache write and
 *   promises nothing.
 * - **Snapshots.** A pinned version reads the same bytes until it is unpinned.
 * - **Shared.** Several stores, in as many processes, may be open on one replica: a reader never
 *   waits for another process, and sees at its next pin what was acknowledged before.
 * - **Nothing unpushed is lost**: pages of pending commits are never evicted, and one that fails
 *   its checksum is an error (`corrupt`), while a cached page that does is dropped and counts as
 *   absent.
 *
 * Versions: every `commitLocal`, `applyRemote`, `mergeRemote` and `resetToRemote` makes the next
 * version, gap-free, starting at 1; version 0 is the empty volume.
 */
export interface LocalStore {
  readonly volumeId: VolumeId;
  /** Undefined until it is known (a clone that has not spoken with the server yet). */
  readonly pageSize: PageSize | undefined;

  /** The durable facts besides pages. A fresh immutable value after every change. */
  state(): LocalState;

  /** Keeps a version readable. The latest when none is named. Must be unpinned. */
  pin(): Pin;
  /** Pins what a prepared push sends: its `toVersion`. Undefined without one. Must be unpinned. */
  pinPush(): Pin | undefined;

  /**
   * Copies a page as of a pinned version into `target`.
   *
   * @returns "page": filled · "zeros": filled with zeros, the page does not exist there · "absent":
   *   it is not here and must be fetched at the pin's remote LSN
   */
  read(pin: Pin, index: PageIndex, target: Uint8Array): "page" | "zeros" | "absent";

  /** Of these pages, those whose `read` at the pin would be "absent". */
  absent(pin: Pin, pages: PageSet): PageSet;
  /**
   * Pages that are here at the pin; those known not to exist may be among them. Undefined when more
   * than `countMax` pages are stored, of any version: it costs as much as there are.
   */
  present(pin: Pin, countMax: number): PageSet | undefined;

  /**
   * Keeps a page that was fetched at the pin's remote LSN; without data it is known not to exist.
   * Serves the pin and every later version in which the page has not changed since. A page that is
   * local at the pin is left alone.
   */
  putFetched(pin: Pin, index: PageIndex, data: Uint8Array | undefined): void;

  /** Where a transaction keeps pages that are too many for memory. `clear` it, or commit it. */
  openStage(): PageStage;

  /**
   * THE LOCAL COMMIT POINT. A stage is empty afterwards.
   *
   * @throws GraftError `io`: nothing was committed, and what was staged still is
   */
  commitLocal(commit: NewLocalCommit): number;

  /**
   * The remote moved on without local work: the snapshot becomes `remote`, `changed` is known to
   * have changed. Cost is proportional to the compressed set. Only without pending commits and
   * push.
   */
  applyRemote(remote: RemotePoint, changed: PageSet): number;

  /**
   * The remote moved on, and the pending commits are carried over as they are: the snapshot becomes
   * `remote`, `changed` is known to have changed, pages of pending commits stay. Whoever calls it
   * made sure that no pending commit read or wrote a page in `changed`, or one that `remote` lacks.
   * Ends `isDiverged`. Only without a push, with pending commits that left the page count alone:
   * they get the new one, and keep their versions.
   */
  mergeRemote(remote: RemotePoint, changed: PageSet): number;

  /** Fixes what is pushed: all pending commits up to the latest version, under this commit id. */
  preparePush(commitId: CommitId): PreparedPush;
  /**
   * Remembers which pages of the prepared push lie in the object store already: `push.uploaded`
   * becomes this list. It goes with the push. A disk that does not take it costs an upload, and is
   * no error.
   */
  keepUploaded(segments: readonly UploadedSegment[]): void;
  /** The remote commit point was passed: these commits are the remote snapshot `remote` now. */
  completePush(remote: RemotePoint): void;
  /** A definite "not applied": the commits are pending again; the commit id is forgotten. */
  abandonPush(): void;
  /** Another commit holds the LSN after the base: `abandonPush`, and the volume is diverged. */
  markDiverged(): void;
  /** Drops all pending commits. The snapshot becomes `remote`, `changed` since the old base. */
  resetToRemote(remote: RemotePoint | undefined, changed: PageSet): number;

  usage(): { readonly pages: number; readonly bytes: number };
  /** Evicts clean pages nobody pins, oldest first, until at most this many bytes of pages stay. */
  evict(targetBytes: number): void;
  close(): void;

  /**
   * Takes the turn to write, across all stores of this replica in all processes: `commitLocal`,
   * `applyRemote`, `mergeRemote` and `resetToRemote` are called under it. Undefined while another
   * holds it (also another caller of this store). When it is granted, everything others did is
   * seen. A few µs; the kernel ends the turn of a process that dies.
   */
  lockWrites(): FileLock | undefined;
  /**
   * The same for what speaks with the server: pull, push, recovery and reset of a replica are done
   * by one process at a time. It outlasts awaits; state that was read before it was granted may be
   * old.
   */
  lockSync(): FileLock | undefined;
  /**
   * Sees what other processes did; true when that was something. `pin` and the two locks do it by
   * themselves; `state()` alone does not.
   */
  refresh(): boolean;
  /** Whether no other store was open on the replica, in any process, at the last look. */
  readonly isAlone: boolean;
  /** Whether a pin opened now would be of the same version. Cheap: it is asked by each read. */
  isLatest(pin: Pin): boolean;
}

export interface LocalState {
  readonly version: number;
  readonly pageCount: PageCount;
  /** The remote snapshot underneath. */
  readonly remote: RemotePoint | undefined;
  /** Local commits on top, oldest first; those in a prepared push included. */
  readonly pending: readonly LocalCommit[];
  readonly push: PreparedPush | undefined;
  readonly isDiverged: boolean;
}

export interface RemotePoint {
  readonly lsn: Lsn;
  readonly pageCount: PageCount;
  readonly pageSize: PageSize;
}

/** A push whose outcome is not known yet. It outlives the process. */
export interface PreparedPush {
  readonly commitId: CommitId;
  readonly base: Lsn | undefined;
  /** The newest version in it. */
  readonly toVersion: number;
  readonly commitCount: number;
  readonly pageCount: PageCount;
  /** Least page count among the folded commits. */
  readonly lowPageCount: PageCount;
  /** The newest versions of these are pushed; pages above a later shrink are not in it. */
  readonly pages: PageSet;
  /** Segments that hold some of the pages already, in the order in which they were uploaded. */
  readonly uploaded: readonly UploadedSegment[];
}

/** The pages are those that changed; a stage is one of the store that commits. */
export interface NewLocalCommit extends CommitNote, NewPages {
  readonly pageCount: PageCount;
  /** As `LocalCommit.reads`. */
  readonly reads?: PageSet;
}

export interface Pin {
  readonly version: number;
  readonly pageCount: PageCount;
  readonly remote: RemotePoint | undefined;
  /** The version at which that remote snapshot, or what a push made of it, was reached here. */
  readonly baseVersion: number;
  close(): void;
}
