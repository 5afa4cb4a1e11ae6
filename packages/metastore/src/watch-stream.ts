import type { Clock, Lsn, VolumeId } from "@graft/core";
import type { WatchRequest } from "@graft/rpc";

/** Why a timer is stopped. One for all: making an error with its stack is dear. */
const WOKEN = new Error("there is something to say");

/**
 * One reader of `Watch`: what it has, which of its volumes moved, and when it was last spoken to.
 */
export class WatchStream {
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  /** What the reader has, once it has taken the events so far. */
  readonly #lsns: Map<VolumeId, Lsn | undefined>;
  /** In the order in which they moved: no volume waits for ever behind a busy one. */
  readonly #marked = new Set<VolumeId>();
  #alarm = Promise.withResolvers<void>();
  /**
   * When the next heartbeat is due, monotonic ms. The first is due at once, a long-poll's when it
   * has waited in vain.
   */
  #dueMs: number;

  constructor(request: WatchRequest, clock: Clock) {
    this.#clock = clock;
    this.#heartbeatMs = request.heartbeatMs;
    this.#lsns = new Map(request.volumes.map(({ volumeId, lsn }) => [volumeId, lsn]));
    this.#dueMs = clock.monotonicMs() + (request.waitMs ?? 0);
  }

  volumeIds(): Iterable<VolumeId> {
    return this.#lsns.keys();
  }

  /** The LSN the reader has; undefined: none. */
  lsnOf(volumeId: VolumeId): Lsn | undefined {
    return this.#lsns.get(volumeId);
  }

  /** The event at hand brings the reader to this LSN. */
  moveTo(volumeId: VolumeId, lsn: Lsn): void {
    this.#lsns.set(volumeId, lsn);
  }

  /** The volume moved. */
  mark(volumeId: VolumeId): void {
    this.#marked.add(volumeId);
    this.wake();
  }

  /** The volume that moved first, which is no longer marked. */
  takeMarked(): VolumeId | undefined {
    const [volumeId] = this.#marked;
    if (volumeId !== undefined) this.#marked.delete(volumeId);
    return volumeId;
  }

  /** Whether a heartbeat is due; if so, the next one is due a period from now. */
  isDue(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#dueMs) return false;
    this.#dueMs = nowMs + this.#heartbeatMs;
    return true;
  }

  /** Resolves when there is something to do, or a heartbeat is due, or the stream was woken. */
  async wait(): Promise<void> {
    const timer = new AbortController();
    const restMs = this.#dueMs - this.#clock.monotonicMs();
    const due = this.#clock.sleep(restMs, timer.signal).catch(() => undefined);
    await Promise.race([this.#alarm.promise, due]);
    timer.abort(WOKEN);
    this.#alarm = Promise.withResolvers<void>();
  }

  wake(): void {
    this.#alarm.resolve();
  }
}
