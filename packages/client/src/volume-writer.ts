import type { PageCount, PageIndex, PageSet, PageSize } from "@graft/core";
import type { VolumeReader } from "./volume-reader.ts";

/**
 * The one open write transaction of a volume: a snapshot and the pages changed on top of it. It is
 * used up by `commit` or `rollback`; while it is open, no pull, reset or rebase is applied to the
 * volume.
 */
export interface VolumeWriter {
  /** The snapshot underneath. Closed with the writer. */
  readonly base: VolumeReader;
  readonly pageSize: PageSize;

  /** Like `VolumeReader.read`, seeing this transaction's own writes first. */
  read(index: PageIndex, target: Uint8Array): boolean;

  /**
   * Replaces a whole page. The bytes are copied. Memory is bounded: a large transaction's pages go
   * to the local store, uncommitted, and vanish with a rollback or a crash.
   *
   * @throws GraftError `io` when the disk is full
   */
  write(index: PageIndex, page: Uint8Array): void;

  /**
   * THE LOCAL COMMIT POINT: when it returns, the transaction is on local disk (fsynced unless the
   * volume is `relaxed`) and visible to new readers. Pages equal to their base are left out;
   * nothing changed makes no commit. Dirty pages above `pageCount` are dropped. Synchronous:
   * nothing runs in between.
   *
   * On an error nothing was committed and the writer is still open: `rollback` it.
   *
   * @throws GraftError `io` (full, read-only)
   */
  commit(request: LocalCommitRequest): LocalCommitOutcome;

  /** Forgets the changes. Idempotent, also after `commit`. */
  rollback(): void;
}

export interface LocalCommitRequest extends CommitNote {
  /** Page count of the volume after this transaction. */
  readonly pageCount: PageCount;
  /**
   * Whether to open a reader on the commit while the volume is still locked: right afterwards
   * another process may commit. Default false.
   */
  readonly opensReader?: boolean;
  /**
   * Every page that the transaction may have read, whoever fetched it and when; it decides what the
   * transaction can be merged with. Absent: unknown, as if it had read everything. Never changed
   * after it was handed over.
   */
  readonly reads?: PageSet;
}

/** What a commit carries besides pages. */
export interface CommitNote {
  readonly message?: string;
  /** The application's name for the transaction, unique in its volume. */
  readonly appTransactionId?: string;
  /**
   * How to run it again on another base, in the words of whoever wrote it; kept as long as the
   * commit is pending, at most 16 MiB.
   */
  readonly replay?: Uint8Array;
}

export type LocalCommitOutcome =
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "committed";
      readonly version: number;
      /**
       * On what the transaction made of its base, where it was asked for. Mostly that is the
       * commit; when news was taken in below it, what the news changed reads as before, and the
       * reader's version is the one before the commit's. Close it.
       */
      readonly reader: VolumeReader | undefined;
    };
