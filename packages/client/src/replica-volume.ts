import {
  type ClientId,
  type Clock,
  type FileLock,
  GraftError,
  invariant,
  type Lsn,
  type PageSet,
  type PageSize,
  pageRange,
  type Random,
  type VolumeId,
} from "@graft/core";
import { PageFetcher } from "./page-fetcher.ts";
import type { Prefetching } from "./prefetch/ask-for-bundle.ts";
import type { CommitPage, Remote } from "./remote/remote.ts";
import { StateWaits } from "./state-waits.ts";
import type { LocalStore, RemotePoint } from "./store/local-store.ts";
import { AutoSync } from "./sync/auto-sync.ts";
import { type HealthPlace, lagOf } from "./sync/health-record.ts";
import { hydrate } from "./sync/hydrate.ts";
import { pushMerging } from "./sync/merge-news.ts";
import { letNewsIn } from "./sync/merge-pending.ts";
import { Outbox } from "./sync/outbox.ts";
import { pull } from "./sync/pull.ts";
import { divergedError } from "./sync/push.ts";
import { RebaseJournal } from "./sync/rebase-journal.ts";
import { reset } from "./sync/reset.ts";
import type { Shelf } from "./sync/shelf.ts";
import type { SyncContext } from "./sync/sync-context.ts";
import type { SyncMeans } from "./sync/sync-means.ts";
import { deriveSyncState, type SyncEvent, type SyncState } from "./sync/sync-state.ts";
import { SyncTurns } from "./sync/sync-turns.ts";
import { VolumeRebase } from "./sync/volume-rebase.ts";
import type * as face from "./volume.ts";
import { VolumeHerald } from "./volume-herald.ts";
import type { VolumeReader } from "./volume-reader.ts";
import { VolumeUsers } from "./volume-users.ts";
import type { VolumeWriter } from "./volume-writer.ts";
import { type VolumeWaitMeans, waitForPushed, waitForRemote } from "./wait-for-volume.ts";
import { WriteGate } from "./write-gate.ts";

export interface ReplicaVolumeParts {
  readonly store: LocalStore;
  /** What is kept beside the store while its history is rewritten. */
  readonly shelf: Shelf;
  readonly remote: Remote;
  /** Who sends the push that is prepared, or the next one. */
  readonly clientId: () => ClientId;
  /** No push of an earlier client id is left here. */
  readonly resolveClientId: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  /** What it shares with the other volumes that keep themselves current. */
  readonly sync: SyncMeans;
  /** The lock of who speaks with the server; undefined while another process has it. */
  readonly tryLead: () => FileLock | undefined;
  /** Where the process that syncs says how it is; undefined: there is no other. */
  readonly healthPlace: HealthPlace | undefined;
  /** What may come along with a read. Absent: nothing. */
  readonly prefetch?: Prefetching | undefined;
  /** Called once, when the volume was closed. */
  readonly onClose: () => void;
}

/** What its own pushes bring is no news; a commit may stand on what another process pulled. */
const UNTOLD: readonly SyncEvent[] = ["news", "merged", "commit"];

/**
 * A volume on a local store and a remote. Pull, push, reset and hydrate take turns here; pull, push
 * and reset also with other processes on the same store.
 */
export class ReplicaVolume implements face.Volume {
  readonly #store: LocalStore;
  readonly #remote: Remote;
  readonly #parts: ReplicaVolumeParts;
  readonly #context: SyncContext;
  readonly #turns: SyncTurns;
  readonly #journal: RebaseJournal;
  readonly #users: VolumeUsers;
  readonly #rebase: VolumeRebase;
  readonly #closing = new AbortController();
  readonly #herald: VolumeHerald;
  readonly #waits = new StateWaits();
  #auto: AutoSync | undefined;
  /** Whether the prepared push is under way in this process. */
  #isPushing = false;
  #closed: Promise<void> | undefined;

  constructor(parts: ReplicaVolumeParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#remote = parts.remote;
    this.#journal = new RebaseJournal(parts.shelf);
    const { clock, random } = parts;
    this.#turns = new SyncTurns({
      store: this.#store,
      clock,
      random,
      closing: this.#closing.signal,
      onEnter: () => this.#noticeMove(),
      onLeave: () => {
        this.#isPushing = false;
      },
      onError: (error) => this.#herald.report(error, error.message),
    });
    this.#herald = new VolumeHerald({
      clock,
      syncState: () => this.#state(),
      localState: () => this.#store.state(),
      status: () => this.#status(),
    });
    this.#context = this.#createContext();
    const { gate, fetcher } = this.#context;
    this.#users = new VolumeUsers({
      store: this.#store,
      gate,
      fetcher,
      pageSize: () => this.pageSize,
      mustBeOpen: () => this.#mustBeOpen(),
      hasChange: () => gate.hasChange && this.#state() === "synced",
      letNewsIn: (transaction) => letNewsIn(this.#context, transaction),
      onCommitted: (version, isInner) => {
        this.#note("commit");
        this.#herald.tellCommit(version, isInner);
      },
    });
    this.#rebase = new VolumeRebase({
      context: this.#context,
      turns: this.#turns,
      volume: this,
      openInnerWriter: () => this.#users.openInnerWriter(),
    });
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
    return this.#users.openReader();
  }

  openWriter(): VolumeWriter | undefined {
    return this.#users.openWriter();
  }

  push(options: face.PushOptions = {}): Promise<face.PushResult> {
    this.#mustBeOpen();
    return this.#turns.alone(options, (turn) => pushMerging(this.#context, turn));
  }

  pull(options: face.CallOptions = {}): Promise<face.PullResult> {
    this.#mustBeOpen();
    return this.#turns.alone(options, (turn) => this.#pull(turn));
  }

  sync(options: face.CallOptions = {}): Promise<face.SyncResult> {
    this.#mustBeOpen();
    return this.#turns.alone(options, async (turn) => {
      const pulled = await this.#pull(turn);
      return { pull: pulled, push: await pushMerging(this.#context, turn) };
    });
  }

  hydrate(options: face.HydrateOptions = {}): Promise<face.HydrateResult> {
    this.#mustBeOpen();
    return this.#turns.inTurn(options, (turn) => hydrate(this.#context, turn));
  }

  reset(options: face.ResetOptions = {}): Promise<face.ResetResult> {
    this.#mustBeOpen();
    return this.#turns.alone(options, (turn) => reset(this.#context, this.#users, turn));
  }

  rebase(options: face.RebaseOptions): Promise<face.RebaseResult> {
    this.#mustBeOpen();
    return this.#rebase.rebase(options);
  }

  get outbox(): face.VolumeOutbox {
    return this.#rebase.outbox;
  }

  remoteLog(from: Lsn, options: face.CallOptions = {}): Promise<CommitPage> {
    this.#mustBeOpen();
    return this.#remote.pullCommits(this.volumeId, from, options.signal);
  }

  startSync(policy: face.SyncPolicy = {}): void {
    this.#mustBeOpen();
    this.#auto ??= new AutoSync({
      context: this.#context,
      policy,
      means: this.#parts.sync,
      tryLead: this.#parts.tryLead,
      turns: this.#turns,
      pull: (turn) => this.#pull(turn),
      look: () => this.#look(),
      onApplied: (remote, changed) => this.#tellRemote(remote, changed),
      onHealth: () => this.#herald.tellStatus(),
      healthPlace: this.#parts.healthPlace,
      lastError: () => this.#herald.lastError,
      onError: (error) => this.#herald.report(error, "syncing failed unexpectedly"),
    });
  }

  async stopSync(): Promise<void> {
    const auto = this.#auto;
    this.#auto = undefined;
    await auto?.stop();
  }

  async waitForRemote(lsn: Lsn, options: face.CallOptions = {}): Promise<void> {
    this.#mustBeOpen();
    this.#look();
    await waitForRemote(this.#waitMeans(), lsn, this.#turns.untilClosed(options.signal));
  }

  async waitForPushed(options: face.CallOptions = {}): Promise<Lsn | undefined> {
    this.#mustBeOpen();
    this.#look();
    if (this.#auto === undefined) await this.push(options);
    else await waitForPushed(this.#waitMeans(), this.#turns.untilClosed(options.signal).signal);
    return this.#store.state().remote?.lsn;
  }

  status(): face.VolumeStatus {
    this.#look();
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
    return this.#herald.on(event, listener);
  }

  #status(): face.VolumeStatus {
    const state = this.#store.state();
    const usage = this.#store.usage();
    const lagMs = this.#auto === undefined ? this.#herald.sinceReachedMs : this.#auto.lagMs;
    // Who does not speak with the server knows what the one says who does, or did last.
    const isTold = this.#auto?.health().role !== "leader" && lagMs === undefined;
    const told = isTold ? this.#parts.healthPlace?.read() : undefined;
    return {
      volumeId: this.volumeId,
      state: this.#state(),
      snapshot: { version: state.version, pageCount: state.pageCount, pageSize: this.pageSize },
      local: { pending: state.pending.length, rejected: this.#context.outbox.count },
      remote: { lsn: state.remote?.lsn },
      cached: { pages: usage.pages, bytes: usage.bytes },
      lagMs: lagMs ?? (told && lagOf(told, this.#parts.clock.nowMs(), this.#store.isAlone)),
      sync: this.#auto?.health(),
      lastError: this.#herald.lastError ?? told?.lastError,
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
    await this.stopSync();
    await this.#turns.drained();
    try {
      // With the last pin pages are dropped: on a disk that fails this fails.
      this.#users.end();
    } finally {
      try {
        this.#store.close();
      } finally {
        this.#parts.onClose();
      }
    }
  }

  #createContext(): SyncContext {
    const { clock, random, shelf, prefetch } = this.#parts;
    const [store, remote, volumeId] = [this.#store, this.#remote, this.volumeId];
    return {
      ...this.#parts,
      volumeId,
      gate: new WriteGate({ tryLock: () => store.lockWrites(), clock, random }),
      journal: this.#journal,
      outbox: new Outbox(shelf),
      fetcher: new PageFetcher({ volumeId, store, remote, prefetch }),
      state: () => this.#state(),
      note: (event) => this.#note(event),
      settled: (commits, fate, lsn) => this.#herald.settle(commits, fate, lsn),
      reached: () => this.#herald.reached(),
    };
  }

  async #pull(options: face.CallOptions): Promise<face.PullResult> {
    const result = await pull(this.#context, options);
    const remote = this.#store.state().remote;
    if (result.news !== undefined && remote !== undefined) this.#tellRemote(remote, result.news);
    return { lsn: result.lsn, changedPageCount: result.changedPageCount };
  }

  #state(): SyncState {
    const { isDiverged, push: prepared, pending } = this.#store.state();
    return deriveSyncState({
      // A rebase that has begun is the rest of a divergence.
      isDiverged: isDiverged || this.#journal.exists,
      hasPush: prepared !== undefined,
      hasPending: pending.length > 0,
      isPushing: this.#isPushing || (prepared !== undefined && this.#isSyncedElsewhere()),
    });
  }

  /** Whether another process is at work on the prepared push. */
  #isSyncedElsewhere(): boolean {
    if (this.#turns.isOurs) return false;
    const lock = this.#store.lockSync();
    lock?.close();
    return lock === undefined;
  }

  #note(event: SyncEvent): void {
    if (event === "prepare") this.#isPushing = true;
    else if (event !== "commit" && event !== "news") this.#isPushing = false;
    if (!UNTOLD.includes(event)) this.#herald.holdRemoteTold();
    this.#herald.tell();
    this.#moved();
  }

  /** Sees what other processes did. */
  #look(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#store.refresh() || this.#herald.hasUntoldRemote()) this.#noticeMove();
    else this.#waits.check();
  }

  #noticeMove(): void {
    const { remote, pageCount } = this.#store.state();
    this.#herald.tellMove();
    // Another process applied it, and nobody here knows which pages changed.
    if (remote !== undefined && this.#herald.hasUntoldRemote()) {
      this.#tellRemote(remote, pageRange(1, pageCount));
    }
    this.#moved();
  }

  #tellRemote(remote: RemotePoint, pages: PageSet): void {
    this.#herald.tellRemote(remote.lsn, pages);
    this.#moved();
  }

  #moved(): void {
    this.#waits.check();
    this.#auto?.loop.wake();
  }

  #waitMeans(): VolumeWaitMeans {
    const { clock, random } = this.#parts;
    return {
      clock,
      random,
      waits: this.#waits,
      state: () => this.#store.state(),
      isRebasing: () => this.#journal.exists,
      isTold: () => this.#auto?.loop.isLive ?? false,
      isAuto: () => this.#auto !== undefined,
      pull: (options) => this.pull(options),
      mustGoOn: () => {
        if (this.#auto?.isResting) throw divergedError(this.#context);
      },
    };
  }

  #mustBeOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new GraftError("invalid-argument", `volume ${this.volumeId} is closed: open it again`);
  }
}
