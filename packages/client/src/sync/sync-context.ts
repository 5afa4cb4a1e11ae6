import type { ClientId, Clock, Lsn, Random, VolumeId } from "@graft/core";
import type { PageFetcher } from "../page-fetcher.ts";
import type { Remote } from "../remote/remote.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { LocalCommit, TransactionFate } from "../volume.ts";
import type { WriteGate } from "../write-gate.ts";
import type { Outbox } from "./outbox.ts";
import type { RebaseJournal } from "./rebase-journal.ts";
import type { SyncEvent, SyncState } from "./sync-state.ts";

/** A local transaction whose fate is told. */
export type SettledCommit = Pick<LocalCommit, "version" | "appTransactionId">;

/** What pull, push, reset and hydrate of one volume work with. */
export interface SyncContext {
  readonly volumeId: VolumeId;
  readonly store: LocalStore;
  readonly remote: Remote;
  readonly fetcher: PageFetcher;
  readonly gate: WriteGate;
  /** What a rebase has taken out of the store and not yet run again. */
  readonly journal: RebaseJournal;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly random: Random;
  /** Who sends the push that is prepared, or the next one. */
  clientId(): ClientId;
  /** No push is prepared: what is sent from now on is sent by the directory's own client id. */
  resolveClientId(): Promise<void>;
  /** The state now. */
  state(): SyncState;
  /** Tells the state machine what happened, after the store was changed. */
  note(event: SyncEvent): void;
  /** Tells what became of local transactions. `lsn`: of those that are remote now. */
  settled(commits: readonly SettledCommit[], fate: TransactionFate, lsn?: Lsn): void;
  /** The server answered: ends an outage. */
  reached(): void;
}
