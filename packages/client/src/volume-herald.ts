import { type Clock, GraftError, type Lsn, type PageSet } from "@graft/core";
import { Listeners } from "./listeners.ts";
import type { LocalState } from "./store/local-store.ts";
import type { SettledCommit } from "./sync/sync-context.ts";
import type { SyncState } from "./sync/sync-state.ts";
import type { TransactionFate, VolumeEvents, VolumeStatus } from "./volume.ts";

/** What a herald asks the volume it speaks for. */
export interface HeraldMeans {
  readonly clock: Clock;
  syncState(): SyncState;
  localState(): LocalState;
  status(): VolumeStatus;
}

/** Tells those who listen what happens to a volume, and remembers what failed last. */
export class VolumeHerald {
  readonly #means: HeraldMeans;
  readonly #listeners: Listeners;
  /** The state that was told last. */
  #toldState: SyncState;
  /** The remote snapshot that was told last. */
  #toldLsn: Lsn | undefined;
  #lastError: VolumeStatus["lastError"];
  #reachedMs: number | undefined;

  constructor(means: HeraldMeans) {
    this.#means = means;
    this.#listeners = new Listeners((error) => this.report(error, "an event listener threw"));
    this.#toldState = means.syncState();
    this.holdRemoteTold();
  }

  get lastError(): VolumeStatus["lastError"] {
    return this.#lastError;
  }

  on<E extends keyof VolumeEvents>(
    event: E,
    listener: (value: VolumeEvents[E]) => void,
  ): () => void {
    if (!this.#hasStateListeners()) this.#toldState = this.#means.syncState();
    return this.#listeners.add(event, listener);
  }

  /** Something moved here. */
  tell(): void {
    if (!this.#hasStateListeners()) return;
    this.#look(() => this.#tellDivergence());
    this.tellStatus();
  }

  /** Another process may have moved the state. */
  tellMove(): void {
    if (!this.#hasStateListeners()) return;
    const before = this.#toldState;
    this.#look(() => this.#tellDivergence());
    if (this.#toldState !== before) this.tellStatus();
  }

  tellStatus(): void {
    if (!this.#listeners.has("status")) return;
    this.#look(() => this.#listeners.emit("status", this.#means.status()));
  }

  /** The transaction that was committed last. One that is run again is no new one. */
  tellCommit(version: number, isAgain: boolean): void {
    this.#listeners.emit("commit", { version });
    if (isAgain || !this.#listeners.has("transaction")) return;
    const commit = this.#means.localState().pending.at(-1);
    if (commit?.version === version) this.settle([commit], "local", undefined);
  }

  /** The pages differ from the remote snapshot before. */
  tellRemote(lsn: Lsn, pages: PageSet): void {
    this.#toldLsn = lsn;
    this.#listeners.emit("remote", { lsn, pages });
  }

  /** Whoever listens needs no word about the remote snapshot that is here now. */
  holdRemoteTold(): void {
    this.#toldLsn = this.#means.localState().remote?.lsn;
  }

  /** Whether there is a remote snapshot here that was not told. */
  hasUntoldRemote(): boolean {
    const lsn = this.#means.localState().remote?.lsn;
    return lsn !== undefined && lsn !== this.#toldLsn;
  }

  settle(commits: readonly SettledCommit[], fate: TransactionFate, lsn: Lsn | undefined): void {
    if (!this.#listeners.has("transaction")) return;
    for (const { version, appTransactionId } of commits) {
      this.#listeners.emit("transaction", { fate, appTransactionId, version, lsn });
    }
  }

  /** Keeps an error in the status until the server is reached again. */
  report(error: unknown, what: string): void {
    const known =
      error instanceof GraftError ? error : new GraftError("internal", what, { cause: error });
    const sinceMs = this.#lastError?.sinceMs ?? this.#means.clock.nowMs();
    this.#lastError = { error: known, sinceMs };
    this.#listeners.emit("error", known);
  }

  /** The server answered: ends an outage. */
  reached(): void {
    this.#reachedMs = this.#means.clock.monotonicMs();
    this.#lastError = undefined;
  }

  /** Undefined before the first answer. */
  get sinceReachedMs(): number | undefined {
    const reached = this.#reachedMs;
    return reached === undefined ? undefined : this.#means.clock.monotonicMs() - reached;
  }

  /** What was done is done, also when the disk does not say how things are now. */
  #look(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.report(error, "the status could not be told");
    }
  }

  #tellDivergence(): void {
    const before = this.#toldState;
    this.#toldState = this.#means.syncState();
    if (this.#toldState !== "diverged" || before === "diverged") return;
    const base = this.#means.localState().remote?.lsn;
    this.#listeners.emit("conflict", { base, commitId: undefined });
  }

  #hasStateListeners(): boolean {
    return this.#listeners.has("status") || this.#listeners.has("conflict");
  }
}
