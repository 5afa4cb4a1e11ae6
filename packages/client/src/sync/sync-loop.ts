/**
 * Keeps one volume current: does what `planSync` says, one step after the other, and waits for
 * events in between. Whatever fails is reported, and tried again after a backoff of its own: a
 * volume never delays another, and never stops by itself.
 */
import {
  type CommitId,
  type GraftError,
  isGraftError,
  type Lsn,
  type PageSet,
  type VolumeId,
} from "@graft/core";
import type { RemoteNews } from "../remote/remote.ts";
import type { RemotePoint } from "../store/local-store.ts";
import type { SyncPolicy } from "../volume.ts";
import type { NewsSubscriber, NewsSubscription } from "../watch/news-feed.ts";
import { Alarm } from "./alarm.ts";
import { applyNews } from "./apply-news.ts";
import { BackgroundFetch } from "./background-fetch.ts";
import { Backoff, jittered } from "./backoff.ts";
import { Staleness } from "./staleness.ts";
import type { SyncContext } from "./sync-context.ts";
import type { SyncMeans } from "./sync-means.ts";
import { planSync, type SyncFacts, type SyncStep, speaksWithServer } from "./sync-plan.ts";
import { WaitingNews } from "./waiting-news.ts";

/** Without a stream changes are asked for at first after this; it doubles while nothing is new. */
const POLL_MS_MIN = 1_000;
const POLL_MS_MAX = 30_000;
/** How long a new stream may take to say that it is live before changes are asked for. */
const STREAM_MS = 3_000;
/**
 * A watch that the server refuses is tried again this seldom; for want of a valid token, sooner.
 */
const REFUSED_MS = 60_000;
const RENEWAL_MS = 10_000;
/** How long a push may go on that news says has landed: less than a pause before it is repeated. */
const ANSWER_MS = 40;

export interface SyncLoopParts {
  readonly context: SyncContext;
  readonly policy: SyncPolicy;
  readonly means: SyncMeans;
  readonly isLeader: () => boolean;
  /** One push of all that is pending, in turn with what the application asks for. */
  readonly push: (signal: AbortSignal) => Promise<void>;
  readonly pull: (signal: AbortSignal) => Promise<void>;
  /** Ends the prepared push if the news names it, in turn. */
  readonly settle: (isNamed: (commitId: CommitId) => boolean, signal: AbortSignal) => Promise<void>;
  /** Carries local commits over to the new base, if that is safe, in turn. */
  readonly merge: (signal: AbortSignal) => Promise<void>;
  /** News became the snapshot underneath. */
  readonly onApplied: (remote: RemotePoint, changed: PageSet) => void;
  /** It has what the server has, and did not have it before. */
  readonly onCurrent: () => void;
  /** The connection, or what is known of it, is another one. */
  readonly onHealth: () => void;
  /** Errors that nobody else has reported. */
  readonly onError: (error: unknown) => void;
}

export class SyncLoop implements NewsSubscriber {
  readonly volumeId: VolumeId;
  readonly omitsPages: boolean;
  readonly #parts: SyncLoopParts;
  readonly #news = new WaitingNews();
  readonly #alarm: Alarm;
  readonly #ending = new AbortController();
  readonly #background: BackgroundFetch | undefined;
  readonly #ended: Promise<void>;
  #subscription: NewsSubscription | undefined;
  #subscribeDueMs = 0;
  #isLive = false;
  #mustPull = false;
  #pullDueMs = 0;
  #pollMs = POLL_MS_MIN;
  readonly #backoff: Backoff;
  /** Since when commits wait. */
  #pendingMs: number | undefined;
  #isResting = false;
  readonly #staleness: Staleness;
  #pushing: AbortController | undefined;

  constructor(parts: SyncLoopParts) {
    this.#parts = parts;
    this.volumeId = parts.context.volumeId;
    this.#alarm = new Alarm(parts.context.clock);
    this.#backoff = new Backoff(parts.context.random);
    this.omitsPages = parts.policy.pages === "lazy";
    this.#staleness = new Staleness(parts.context.clock);
    if (parts.policy.pages === "full") {
      const { context, means, onError } = parts;
      const { signal } = this.#ending;
      this.#background = new BackgroundFetch({ context, lanes: means.lanes, signal, onError });
    }
    this.#ended = this.#run();
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** Whether the last attempt to speak with the server failed. */
  get isFailing(): boolean {
    return this.#backoff.isFailing;
  }

  /** Whether a divergence is left to the application. */
  get isResting(): boolean {
    return this.#isResting;
  }

  /** As `VolumeStatus.lagMs`. */
  get lagMs(): number | undefined {
    return this.#staleness.lagMs;
  }

  /** Something happened: look what is to be done. */
  wake(): void {
    this.#alarm.ring();
  }

  /** Somebody waits for what is new: it is asked for, unless a stream tells it. */
  pullSoon(): void {
    if (!this.#isLive) this.#pullDueMs = 0;
    this.wake();
  }

  /** Ends the loop, and what is under way. */
  async stop(): Promise<void> {
    this.#ending.abort(new DOMException("syncing was stopped", "AbortError"));
    this.#unsubscribe();
    this.wake();
    await this.#ended;
  }

  lsn(): Lsn | undefined {
    return this.#parts.context.store.state().remote?.lsn;
  }

  onNews(news: RemoteNews): void {
    this.#staleness.begin();
    if (!this.#news.add(news)) this.#mustPull = true;
    this.#giveUpAnswered();
    this.wake();
  }

  onResync(): void {
    this.#staleness.begin();
    this.#mustPull = true;
    this.wake();
  }

  onLive(isLive: boolean): void {
    if (isLive === this.#isLive) return;
    this.#isLive = isLive;
    if (isLive) {
      // The server is there: what failed before may pass now.
      this.#succeed();
      this.#background?.want();
    } else {
      this.#staleness.begin();
      this.#pollIn(POLL_MS_MIN);
    }
    this.wake();
    this.#parts.onHealth();
  }

  onEnd(error: GraftError): void {
    this.#unsubscribe();
    const pauseMs = error.code === "unauthenticated" ? RENEWAL_MS : REFUSED_MS;
    this.#subscribeDueMs = this.#now() + jittered(pauseMs, this.#parts.context.random);
    this.#parts.onError(error);
    this.wake();
  }

  async #run(): Promise<void> {
    // What starts a loop goes on first.
    await Promise.resolve();
    const { signal } = this.#ending;
    this.#background?.want();
    while (!signal.aborted) {
      let step: SyncStep | undefined;
      try {
        step = planSync(this.#facts());
        if (step.kind === "wait") {
          this.#noteCurrent();
          await this.#alarm.wait(Math.min(step.untilMs, this.#resubscribeMs()));
        } else {
          await this.#take(step);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#fail(error, step);
        if (this.isFailing) await this.#alarm.wait(this.#backoff.dueMs);
      }
    }
  }

  #facts(): SyncFacts {
    const { context, isLeader, policy } = this.#parts;
    const nowMs = this.#now();
    const { remote, push } = context.store.state();
    const state = context.state();
    const leads = isLeader();
    if (leads && remote !== undefined) this.#subscribe(nowMs);
    else this.#unsubscribe();
    this.#news.dropUpTo(remote?.lsn);
    if (state !== "diverged") this.#isResting = false;
    if (state !== "pending") this.#pendingMs = undefined;
    else this.#pendingMs ??= nowMs;
    return {
      nowMs,
      state,
      isLeader: leads,
      isLive: this.#isLive,
      hasNews: !this.#news.isEmpty,
      hasOwnPush: push !== undefined && this.#news.has(push.commitId),
      mustPull: this.#mustPull,
      // Of a volume that was never pushed the server knows nothing.
      pullDueMs: remote === undefined ? Number.POSITIVE_INFINITY : this.#pullDueMs,
      pushDueMs: (this.#pendingMs ?? nowMs) + (policy.pushDelayMs ?? 0),
      retryDueMs: this.#backoff.dueMs,
      isResting: this.#isResting,
    };
  }

  async #take(step: Exclude<SyncStep, { kind: "wait" }>): Promise<void> {
    const { signal } = this.#ending;
    switch (step.kind) {
      case "settle":
        await this.#parts.settle((commitId) => this.#news.has(commitId), signal);
        break;
      case "apply":
        await this.#apply(signal);
        break;
      case "push":
        await this.#orDiverged(this.#push(signal));
        break;
      case "pull":
        await this.#orDiverged(this.#pull(signal));
        break;
      case "reconcile":
        await this.#reconcile(signal);
        break;
    }
    this.#succeed();
  }

  async #apply(signal: AbortSignal): Promise<void> {
    const news = this.#news.peek();
    if (news === undefined) return;
    const { context, policy, onApplied } = this.#parts;
    const keepsPages = policy.pages !== "lazy";
    const outcome = await applyNews(context, news, { keepsPages, signal });
    switch (outcome.kind) {
      case "applied":
        this.#news.dropUpTo(outcome.remote.lsn);
        onApplied(outcome.remote, outcome.changed);
        this.#background?.want(outcome.changed);
        break;
      case "gap":
        this.#news.clear();
        this.#mustPull = true;
        break;
      case "diverged":
        this.#news.clear();
        break;
      case "set-aside":
        break;
    }
  }

  async #push(signal: AbortSignal): Promise<void> {
    this.#pushing = new AbortController();
    try {
      await this.#parts.push(AbortSignal.any([signal, this.#pushing.signal]));
    } catch (error) {
      // Given up because news says that it has landed.
      if (!this.#pushing.signal.aborted || signal.aborted) throw error;
    } finally {
      this.#pushing = undefined;
    }
    this.#pollMs = POLL_MS_MIN;
  }

  async #pull(signal: AbortSignal): Promise<void> {
    const before = this.lsn();
    // What comes while it is asked for may be newer than the answer.
    this.#mustPull = false;
    try {
      await this.#parts.pull(signal);
    } catch (error) {
      this.#mustPull = true;
      throw error;
    }
    if (this.lsn() !== before) this.#pollMs = POLL_MS_MIN;
    this.#pollIn(this.#pollMs);
    this.#pollMs = Math.min(this.#pollMs * 2, POLL_MS_MAX);
    if (!this.#isLive) {
      this.#staleness.refresh();
      this.#parts.onHealth();
    }
    this.#background?.want();
  }

  /** That it diverges is a state, not a failure: the next step deals with it. */
  async #orDiverged(step: Promise<void>): Promise<void> {
    try {
      await step;
    } catch (error) {
      const isDiverged = this.#parts.context.state() === "diverged";
      if (!isGraftError(error, "diverged") || !isDiverged) throw error;
    }
  }

  /** A merge, else what the application wants done; else it is left to it. */
  async #reconcile(signal: AbortSignal): Promise<void> {
    const { context, policy, merge } = this.#parts;
    await merge(signal);
    if (context.state() !== "diverged") return;
    try {
      await policy.onDiverged?.(signal);
    } catch (error) {
      // What cannot pass by itself is not tried again and again.
      this.#isResting = !(isGraftError(error) && error.isRepeatable);
      throw error;
    }
    this.#isResting = context.state() === "diverged";
    this.#mustPull = true;
  }

  #succeed(): void {
    const wasFailing = this.isFailing;
    this.#backoff.succeed();
    if (wasFailing) this.#parts.onHealth();
  }

  #fail(error: unknown, step: SyncStep | undefined): void {
    const { onError, onHealth } = this.#parts;
    this.#backoff.fail(error, this.#now());
    // The volume reports what it throws itself.
    if (!isGraftError(error)) onError(error);
    onHealth();
    // By plan these wait for nothing: rung by its own failure, one of them would run hot.
    if (step === undefined || !speaksWithServer(step)) this.#alarm.hush();
  }

  #subscribe(nowMs: number): void {
    const { feed } = this.#parts.means;
    if (feed === undefined || this.#subscription !== undefined) return;
    if (nowMs < this.#subscribeDueMs) return;
    this.#pollIn(STREAM_MS);
    this.#subscription = feed.subscribe(this);
  }

  #unsubscribe(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#news.clear();
    if (this.#isLive) this.onLive(false);
  }

  /** A push whose commit is in the news needs no answer any more. */
  #giveUpAnswered(): void {
    const pushing = this.#pushing;
    const commitId = this.#parts.context.store.state().push?.commitId;
    if (pushing === undefined || commitId === undefined || !this.#news.has(commitId)) return;
    this.#parts.context.clock
      .sleep(ANSWER_MS, this.#ending.signal)
      .then(() => {
        if (this.#pushing === pushing) pushing.abort(new Error("the push has landed"));
      })
      .catch(() => undefined);
  }

  #resubscribeMs(): number {
    const isWanted = this.#parts.isLeader() && this.#parts.means.feed !== undefined;
    if (!isWanted || this.#subscription !== undefined || this.lsn() === undefined) {
      return Number.POSITIVE_INFINITY;
    }
    return this.#subscribeDueMs;
  }

  #noteCurrent(): void {
    const { context, onCurrent } = this.#parts;
    const isTold = this.#isLive && this.#news.isEmpty && !this.#mustPull;
    if (!isTold || context.state() === "diverged") this.#staleness.begin();
    else if (this.#staleness.end()) onCurrent();
  }

  #pollIn(ms: number): void {
    this.#pullDueMs = this.#now() + jittered(ms, this.#parts.context.random);
  }

  #now(): number {
    return this.#parts.context.clock.monotonicMs();
  }
}
