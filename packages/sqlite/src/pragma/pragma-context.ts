import type {
  HydrateResult,
  Progress,
  PullResult,
  PushResult,
  RejectedTransaction,
  SyncResult,
  Volume,
  VolumeReader,
} from "@graft/client";
import type { PragmaAnswer } from "@graft/sqlite-engine";
import type { RebaseOutcome } from "../conflict/conflict-policy.ts";

/** What can be done with a volume beside SQL. The database and its pragmas share it. */
export interface VolumeActions {
  push(options?: PushRequest): Promise<PushResult>;
  pull(options?: ActionOptions): Promise<PullResult>;
  sync(options?: ActionOptions): Promise<SyncResult>;
  hydrate(options?: HydrateRequest): Promise<HydrateResult>;
  reset(options?: ResetRequest): Promise<ResetOutcome>;
  rebase(options?: ActionOptions): Promise<RebaseOutcome>;
  /** Transactions that could not be run again, oldest first. */
  outbox(): readonly RejectedTransaction[];
}

export interface ActionOptions {
  readonly signal?: AbortSignal;
}

export interface PushRequest extends ActionOptions {
  /** Stored in the commit, at most 4 KiB with the app transaction id. */
  readonly message?: string;
  readonly onProgress?: (progress: Progress) => void;
}

export interface HydrateRequest extends ActionOptions {
  readonly onProgress?: (progress: Progress) => void;
}

export interface ResetRequest extends ActionOptions {
  /** Does nothing unless the volume is diverged. Default false. */
  readonly onlyDiverged?: boolean;
  /**
   * Where local work goes before it is given up: true (default) a new file in the data directory, a
   * path, or false to discard it.
   */
  readonly save?: boolean | string;
}

export interface ResetOutcome {
  /** The remote LSN now underneath, as a decimal number; undefined when there is none. */
  readonly lsn: bigint | undefined;
  readonly discardedCommitCount: number;
  /** The file with the local work, if there was some and it was saved. */
  readonly savedFile: string | undefined;
}

/** What a pragma may look at and do. */
export interface PragmaContext {
  readonly volume: Volume;
  /** The snapshot of the statement's transaction; undefined outside one. */
  readonly reader: VolumeReader | undefined;
  /** Whether this connection is inside a write transaction of the volume. */
  readonly isWriting: boolean;
  readonly actions: VolumeActions;
  readonly settings: PragmaSettings;
}

/** Settings that SQLite would keep and the database keeps instead. */
export interface PragmaSettings {
  busyTimeoutMs: number;
}

/** Answers one pragma. `value` is what stands after `=` or in the parentheses, unquoted. */
export type PragmaHandler = (context: PragmaContext, value: string | undefined) => PragmaAnswer;
