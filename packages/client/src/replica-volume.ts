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
import {
  nextSyncState,
  recoverSyncState,
  type SyncEvent,
  type SyncState,
} from "./sync/sync-state.ts";
import { TaskQueue } from "./sync/task-queue.ts";
import type * as face from "./volume.ts";
import type { VolumeReader } from "./volume-reader.ts";
import type { VolumeWriter } from "./volume-writer.ts";
import { WriteGate } from "./write-gate.ts";

export interface ReplicaVolumeParts {
  readonly store: LocalStore;
  readonly remote: Remote;
  readonly clientId: ClientId;
  readonly clock: Clock;
  readonly random: Random;
  /** Called once, when the volume was closed. */
  readonly onClose: () => void;
}

/** A volume on a local store and a remote. Pull, push, reset and hydrate take turns. */
export class ReplicaVolume implements face.Volume {
  readonly #store: LocalStore;
  readonly #remote: Remote;
  readonly #parts: ReplicaVolumeParts;
  readonly #context: SyncContext;
  readonly #gate = new WriteGate();
  readonly #queue = new TaskQueue();
  readonly #readers = new Set<PinnedReader>();
  readonly #closing = new AbortController();
  readonly #listeners: Listeners;
  #writer: LocalWriter | undefined;
  #state: SyncState;
  #reachedMs: number | undefined;
  #lastError: { readonly error: GraftError; readonly sinceMs: number } | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: ReplicaVolumeParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#remote = parts.remote;
    this.#listeners = new Listeners((error) => this.#report(asGraftError(error)));
    const { isDiverged, push: prepared, pending } = parts.store.state();
    this.#state = recoverSyncState({
      isDiverged,
      hasPush: prepared !== undefined,
      pendingCount: pending.length,
    });
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
      hasNews: () => this.#gate.hasNews && this.#state === "synced",
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
    return this.#inTurn(options, (turn) => push(this.#context, turn));
  }

  pull(options: face.CallOptions = {}): Promise<face.PullResult> {
    return this.#inTurn(options, (turn) => this.#pull(turn));
  }

  sync(options: face.CallOptions = {}): Promise<face.SyncResult> {
    return this.#inTurn(options, async (turn) => {
      const pulled = await this.#pull(turn);
      return { pull: pulled, push: await push(this.#context, turn) };
    });
  }

  hydrate(options: face.HydrateOptions = {}): Promise<face.HydrateResult> {
    return this.#inTurn(options, (turn) => hydrate(this.#context, turn));
  }

  reset(options: face.ResetOptions = {}): Promise<face.ResetResult> {
    return this.#inTurn(options, (turn) => reset(this.#context, () => this.openReader(), turn));
  }

  remoteLog(from: Lsn, options: face.CallOptions = {}): Promise<CommitPage> {
    this.#mustBeOpen();
    return this.#remote.pullCommits(this.volumeId, from, options.signal);
  }

  status(): face.VolumeStatus {
    const state = this.#store.state();
    const usage = this.#store.usage();
    const reached = this.#reachedMs;
    return {
      volumeId: this.volumeId,
      state: this.#state,
      snapshot: { version: state.version, pageCount: state.pageCount, pageSize: this.pageSize },
      local: { pending: state.pending.length },
      remote: { lsn: state.remote?.lsn },
      cached: { pages: usage.pages, bytes: usage.bytes },
      lagMs: reached === undefined ? undefined : this.#parts.clock.monotonicMs() - reached,
      lastError: this.#lastError,
    };
  }

  pendingCommits(): readonly face.LocalCommit[] {
    return this.#store.state().pending;
  }

  on<E extends keyof face.VolumeEvents>(
    event: E,
    listener: (value: face.VolumeEvents[E]) => void,
  ): () => void {
    return this.#listeners.add(event, listener);
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
    this.#writer?.rollback();
    for (const reader of [...this.#readers]) reader.close();
    try {
      this.#store.close();
    } finally {
      this.#parts.onClose();
    }
  }

  #createContext(): SyncContext {
    const { clientId, clock, random } = this.#parts;
    const [store, remote, volumeId] = [this.#store, this.#remote, this.volumeId];
    return {
      volumeId,
      clientId,
      store,
      remote,
      clock,
      random,
      gate: this.#gate,
      fetcher: new PageFetcher({ volumeId, store, remote }),
      state: () => this.#state,
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

  #note(event: SyncEvent): void {
    const next = nextSyncState(this.#state, event);
    invariant(next !== undefined, `"${event}" can happen in sync state "${this.#state}"`);
    const before = this.#state;
    this.#state = next;
    if (next === "diverged" && before !== "diverged") {
      const base = this.#store.state().remote?.lsn;
      this.#listeners.emit("conflict", { base, commitId: undefined });
    }
    if (this.#listeners.has("status")) this.#listeners.emit("status", this.status());
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
