import {
  type ClientId,
  type Clock,
  GraftError,
  invariant,
  isGraftError,
  type Lsn,
  type PageSize,
  type Random,
  type VolumeId,
} from "@graft/core";
import { Listeners } from "./listeners.ts";
import { LocalWriter } from "./local-writer.ts";
import { PageFetcher } from "./page-fetcher.ts";
import { PinnedReader } from "./pinned-reader.ts";
import type { CommitPage, Remote } from "./remote/remote.ts";
import type { LocalStore } from "./store/local-store.ts";
import { hydrate } from "./sync/hydrate.ts";
import { pull } from "./sync/pull.ts";
import { push } from "./sync/push.ts";
import { reset } from "./sync/reset.ts";
import type { SyncContext } from "./sync/sync-context.ts";
import { deriveSyncState, type SyncEvent, type SyncState } from "./sync/sync-state.ts";
import { TaskQueue } from "./sync/task-queue.ts";
import type * as face from "./volume.ts";
import type { VolumeReader } from "./volume-reader.ts";
import type { VolumeWriter } from "./volume-writer.ts";
import { waitForLock } from "./wait-for-lock.ts";
import { WriteGate } from "./write-gate.ts";

export interface ReplicaVolumeParts {
  readonly store: LocalStore;
  readonly remote: Remote;
  /** Who sends the push that is prepared, or the next one. */
  readonly clientId: () => ClientId;
  /** No push of an earlier client id is left here. */
  readonly resolveClientId: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  /** Called once, when the volume was closed. */
  readonly onClose: () => void;
}

/**
 * A volume on a local store and a remote. Pull, push, reset and hydrate take turns here; pull, push
 * and reset also with other processes on the same store.
 */
export class ReplicaVolume implements face.Volume {
  readonly #store: LocalStore;
  readonly #remote: Remote;
  readonly #parts: ReplicaVolumeParts;
  readonly #context: SyncContext;
  readonly #gate: WriteGate;
  readonly #queue = new TaskQueue();
  readonly #readers = new Set<PinnedReader>();
  readonly #closing = new AbortController();
  readonly #listeners: Listeners;
  #writer: LocalWriter | undefined;
  /** Whether the prepared push is under way in this process. */
  #isPushing = false;
  /** Whether this process has the turn to sync. */
  #isSyncing = false;
  /** The state that was told last. */
  #toldState: SyncState;
  #reachedMs: number | undefined;
  #lastError: { readonly error: GraftError; readonly sinceMs: number } | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: ReplicaVolumeParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#remote = parts.remote;
    this.#listeners = new Listeners((error) => this.#report(asGraftError(error)));
    const { clock, random } = parts;
    this.#gate = new WriteGate({ tryLock: () => this.#store.lockWrites(), clock, random });
    this.#toldState = this.#state();
    this.#context = this.#createContext();
  }

  get volumeId(): VolumeId {
    return this.#store.volumeId;
  }

  get pageSize(): PageSize {
    const size = this.#store.pageSize;
    invariant(size !== undefined, "the runtime hands out a volume when its page size is known");
    return size;
  }

  openReader(): VolumeReader {
    this.#mustBeOpen();
    const reader = new PinnedReader({
      pin: this.#store.pin(),
      pageSize: this.pageSize,
      store: this.#store,
      fetcher: this.#context.fetcher,
      onClose: (closed) => this.#readers.delete(closed),
    });
    this.#readers.add(reader);
    return reader;
  }

  openWriter(): VolumeWriter | undefined {
    this.#mustBeOpen();
    if (!this.#gate.tryEnter()) return undefined;
    const writer = new LocalWriter(this.openReader(), this.#store, {
      mustBeOpen: () => this.#mustBeOpen(),
      hasNews: () => this.#gate.hasNews && this.#state() === "synced",
      openReader: () => this.openReader(),
      onCommitted: (version) => {
        this.#note("commit");
        this.#listeners.emit("commit", { version });
      },
      onEnd: () => {
        this.#writer = undefined;
        this.#gate.leave();
      },
    });
    this.#writer = writer;
    return writer;
  }

  push(options: face.PushOptions = {}): Promise<face.PushResult> {
    return this.#inTurn(options, (turn) => this.#alone(turn, () => push(this.#context, turn)));
  }

  pull(options: face.CallOptions = {}): Promise<face.PullResult> {
    return this.#inTurn(options, (turn) => this.#alone(turn, () => this.#pull(turn)));
  }

  sync(options: face.CallOptions = {}): Promise<face.SyncResult> {
    const sync = async (turn: face.CallOptions): Promise<face.SyncResult> => {
      const pulled = await this.#pull(turn);
      return { pull: pulled, push: await push(this.#context, turn) };
    };
    return this.#inTurn(options, (turn) => this.#alone(turn, () => sync(turn)));
  }

  hydrate(options: face.HydrateOptions = {}): Promise<face.HydrateResult> {
    return this.#inTurn(options, (turn) => hydrate(this.#context, turn));
  }

  reset(options: face.ResetOptions = {}): Promise<face.ResetResult> {
    const openReader = (): VolumeReader => this.openReader();
    return this.#inTurn(options, (turn) =>
      this.#alone(turn, () => reset(this.#context, openReader, turn)),
    );
  }

  remoteLog(from: Lsn, options: face.CallOptions = {}): Promise<CommitPage> {
    this.#mustBeOpen();
    return this.#remote.pullCommits(this.volumeId, from, options.signal);
  }

  status(): face.VolumeStatus {
    if (!this.#closing.signal.aborted && this.#store.refresh()) this.#tellMove();
    return this.#status();
  }

  pendingCommits(): readonly face.LocalCommit[] {
    if (!this.#closing.signal.aborted) this.#store.refresh();
    return this.#store.state().pending;
  }

  on<E extends keyof face.VolumeEvents>(
    event: E,
    listener: (value: face.VolumeEvents[E]) => void,
  ): () => void {
    if (!this.#hasStateListeners()) this.#toldState = this.#state();
    return this.#listeners.add(event, listener);
  }

  #status(): face.VolumeStatus {
    const state = this.#store.state();
    const usage = this.#store.usage();
    const reached = this.#reachedMs;
    return {
      volumeId: this.volumeId,
      state: this.#state(),
      snapshot: { version: state.version, pageCount: state.pageCount, pageSize: this.pageSize },
      local: { pending: state.pending.length },
      remote: { lsn: state.remote?.lsn },
      cached: { pages: usage.pages, bytes: usage.bytes },
      lagMs: reached === undefined ? undefined : this.#parts.clock.monotonicMs() - reached,
      lastError: this.#lastError,
    };
  }

  /** Whoever calls it waits until the store is closed: only then may the directory be given up. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const why = new GraftError("unavailable", `volume ${this.volumeId} was closed`);
    this.#closing.abort(why);
    this.#context.fetcher.close(why);
    await this.#queue.drained();
    try {
      this.#endUsers();
    } finally {
      try {
        this.#store.close();
      } finally {
        this.#parts.onClose();
      }
    }
  }

  /** With the last pin pages are dropped: on a disk that fails this fails. */
  #endUsers(): void {
    try {
      this.#writer?.rollback();
    } finally {
      for (const reader of [...this.#readers]) reader.close();
    }
  }

  #createContext(): SyncContext {
    const { clientId, resolveClientId, clock, random } = this.#parts;
    const [store, remote, volumeId] = [this.#store, this.#remote, this.volumeId];
    return {
      volumeId,
      clientId,
      resolveClientId,
      store,
      remote,
      clock,
      random,
      gate: this.#gate,
      fetcher: new PageFetcher({ volumeId, store, remote }),
      state: () => this.#state(),
      note: (event) => this.#note(event),
      reached: () => this.#reached(),
    };
  }

  async #pull(options: face.CallOptions): Promise<face.PullResult> {
    const result = await pull(this.#context, options);
    const remote = this.#store.state().remote;
    if (result.news !== undefined && remote !== undefined) {
      this.#listeners.emit("remote", { lsn: remote.lsn, pages: result.news });
    }
    return { lsn: result.lsn, changedPageCount: result.changedPageCount };
  }

  /** One after the other; a failure is kept in the status besides being thrown. */
  async #inTurn<O extends face.CallOptions, T>(
    options: O,
    task: (options: O) => Promise<T>,
  ): Promise<T> {
    this.#mustBeOpen();
    const closing = this.#closing.signal;
    const signal =
      options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
    try {
      return await this.#queue.run(() => task({ ...options, signal }), signal);
    } catch (error) {
      if (isGraftError(error)) this.#report(error);
      throw error;
    }
  }

  /** Runs a task while no other process syncs this volume; it sees what they all did before. */
  async #alone<T>({ signal }: face.CallOptions, task: () => Promise<T>): Promise<T> {
    const { clock, random } = this.#parts;
    const lock = await waitForLock(() => this.#store.lockSync(), { clock, random, signal });
    this.#isSyncing = true;
    try {
      this.#tellMove();
      return await task();
    } finally {
      this.#isPushing = false;
      this.#isSyncing = false;
      lock?.close();
    }
  }

  #state(): SyncState {
    const { isDiverged, push: prepared, pending } = this.#store.state();
    return deriveSyncState({
      isDiverged,
      hasPush: prepared !== undefined,
      hasPending: pending.length > 0,
      isPushing: this.#isPushing || (prepared !== undefined && this.#isSyncedElsewhere()),
    });
  }

  /** Whether another process is at work on the prepared push. */
  #isSyncedElsewhere(): boolean {
    if (this.#isSyncing) return false;
    const lock = this.#store.lockSync();
    lock?.close();
    return lock === undefined;
  }

  #note(event: SyncEvent): void {
    if (event === "prepare") this.#isPushing = true;
    else if (event !== "commit" && event !== "news") this.#isPushing = false;
    if (!this.#hasStateListeners()) return;
    this.#tellDivergence();
    if (this.#listeners.has("status")) this.#listeners.emit("status", this.#status());
  }

  /** Another process may have moved the state. */
  #tellMove(): void {
    if (!this.#hasStateListeners()) return;
    const before = this.#toldState;
    this.#tellDivergence();
    const hasMoved = this.#toldState !== before;
    if (hasMoved && this.#listeners.has("status")) this.#listeners.emit("status", this.#status());
  }

  #tellDivergence(): void {
    const before = this.#toldState;
    this.#toldState = this.#state();
    if (this.#toldState !== "diverged" || before === "diverged") return;
    const base = this.#store.state().remote?.lsn;
    this.#listeners.emit("conflict", { base, commitId: undefined });
  }

  #hasStateListeners(): boolean {
    return this.#listeners.has("status") || this.#listeners.has("conflict");
  }

  #reached(): void {
    this.#reachedMs = this.#parts.clock.monotonicMs();
    this.#lastError = undefined;
  }

  #report(error: GraftError): void {
    const sinceMs = this.#lastError?.sinceMs ?? this.#parts.clock.nowMs();
    this.#lastError = { error, sinceMs };
    this.#listeners.emit("error", error);
  }

  #mustBeOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new GraftError("invalid-argument", `volume ${this.volumeId} is closed: open it again`);
  }
}

function asGraftError(error: unknown): GraftError {
  if (error instanceof GraftError) return error;
  return new GraftError("internal", "an event listener threw", { cause: error });
}
