import { type FileLock, INLINE_PAGES_SIZE_MAX, type Lsn, type PageSet } from "@graft/core";
import type { RemotePoint } from "../store/local-store.ts";
import type { SyncHealth, SyncPolicy, VolumeStatus } from "../volume.ts";
import { settleOwnPush } from "./apply-news.ts";
import type { HealthPlace, HealthRecord } from "./health-record.ts";
import { mergeNews } from "./merge-news.ts";
import { pushOnce } from "./push.ts";
import type { SyncContext } from "./sync-context.ts";
import type { SyncLane } from "./sync-lanes.ts";
import { SyncLead } from "./sync-lead.ts";
import { SyncLoop } from "./sync-loop.ts";
import type { SyncMeans } from "./sync-means.ts";
import type { SyncTurns, Turn } from "./sync-turns.ts";

export interface AutoSyncParts {
  readonly context: SyncContext;
  readonly policy: SyncPolicy;
  readonly means: SyncMeans;
  readonly tryLead: () => FileLock | undefined;
  readonly turns: SyncTurns;
  readonly pull: (turn: Turn) => Promise<unknown>;
  /** Sees what other processes did. */
  readonly look: () => void;
  readonly onApplied: (remote: RemotePoint, changed: PageSet) => void;
  readonly onHealth: () => void;
  /** Where other processes read how it is; undefined: there are none. */
  readonly healthPlace: HealthPlace | undefined;
  readonly lastError: () => VolumeStatus["lastError"];
  readonly onError: (error: unknown) => void;
}

/** A volume that keeps itself current: who leads, and the loop of the one who does. */
export class AutoSync {
  readonly loop: SyncLoop;
  readonly #parts: AutoSyncParts;
  readonly #lead: SyncLead;
  readonly #leave: (() => void) | undefined;
  /** Whether the others were told last that something may be missing. */
  #saidStale = false;
  /** Whether they were told last that a divergence is left to the application. */
  #saidResting = false;
  /** The newest pending commit and the remote LSN at the last look. */
  #seenVersion: number | undefined;
  #seenLsn: Lsn | undefined;

  constructor(parts: AutoSyncParts) {
    this.#parts = parts;
    const { context, means, policy, tryLead, turns } = parts;
    const { clock, random, store } = context;
    const isAlone = (): boolean => store.isAlone;
    this.#lead = new SyncLead({ clock, random, isAlone, tryLock: tryLead });
    this.loop = new SyncLoop({
      context,
      policy,
      means,
      isLeader: () => this.#lead.isLeader,
      push: (signal) => turns.alone({ signal }, (turn) => this.#push(turn)),
      pull: (signal) =>
        turns.alone({ signal }, (turn) => this.#inLane("small", turn, () => parts.pull(turn))),
      settle: (isNamed, signal) =>
        turns.alone({ signal }, async () => settleOwnPush(context, isNamed)),
      merge: (signal) =>
        turns.alone({ signal }, async (turn) => void (await mergeNews(context, turn))),
      onApplied: parts.onApplied,
      onHealth: () => this.#onHealth(),
      // Each time would be a file written for each commit of others.
      onCurrent: () => this.#saidStale && this.#record(this.health().connection),
      onError: parts.onError,
    });
    this.#leave = means.company?.add(() => this.#look());
  }

  health(): SyncHealth {
    const role = this.#lead.isLeader ? "leader" : "follower";
    const { isLive, isFailing } = this.loop;
    return { role, connection: isLive ? "live" : isFailing ? "offline" : "polling" };
  }

  /** As `VolumeStatus.lagMs`. Of a follower nobody here knows. */
  get lagMs(): number | undefined {
    return this.#lead.isLeader ? this.loop.lagMs : undefined;
  }

  /** Whether a divergence is left to the application, by whoever speaks with the server. */
  get isResting(): boolean {
    if (this.#lead.isLeader) return this.loop.isResting;
    const { healthPlace, context } = this.#parts;
    return context.state() === "diverged" && healthPlace?.read()?.isResting === true;
  }

  async stop(): Promise<void> {
    this.#leave?.();
    this.#record("stopped");
    await this.loop.stop();
    this.#lead.close();
  }

  #onHealth(): void {
    this.#record(this.health().connection);
    this.#parts.onHealth();
  }

  #record(connection: HealthRecord["connection"]): void {
    const { healthPlace, lastError, context } = this.#parts;
    if (healthPlace === undefined || !this.#lead.isLeader) return;
    const { lagMs, isResting } = this.loop;
    const writtenMs = context.clock.nowMs();
    const staleMs = lagMs === undefined || lagMs === 0 ? undefined : writtenMs - lagMs;
    this.#saidStale = staleMs !== undefined;
    this.#saidResting = isResting;
    healthPlace.write({ connection, writtenMs, staleMs, isResting, lastError: lastError() });
  }

  /** A disk that fails says so; the next look may find it mended. */
  #look(): void {
    try {
      this.#parts.look();
      if (this.#hasMoved()) this.loop.wake();
      if (this.loop.isResting !== this.#saidResting) this.#record(this.health().connection);
      if (!this.#lead.look()) return;
      this.loop.wake();
      this.#onHealth();
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  /** Since the last look. A reader here may have seen it first, and told nobody. */
  #hasMoved(): boolean {
    const { pending, remote } = this.#parts.context.store.state();
    const version = pending.at(-1)?.version;
    const isSame = version === this.#seenVersion && remote?.lsn === this.#seenLsn;
    this.#seenVersion = version;
    this.#seenLsn = remote?.lsn;
    return !isSame;
  }

  async #push(turn: Turn): Promise<void> {
    const { store } = this.#parts.context;
    let pageCount = 0;
    for (const { pages } of store.state().pending) pageCount += pages.cardinality;
    const isSmall = pageCount * (store.pageSize ?? 0) <= INLINE_PAGES_SIZE_MAX;
    const lane = isSmall ? "small" : "large";
    await this.#inLane(lane, turn, () => pushOnce(this.#parts.context, turn));
  }

  async #inLane(lane: SyncLane, turn: Turn, task: () => Promise<unknown>): Promise<void> {
    using _permit = await this.#parts.means.lanes.enter(lane, turn.signal);
    await task();
  }
}
