import type { Clock, Lsn, VolumeId } from "@graft/core";
import type { WatchEvent, WatchRequest } from "@graft/rpc";

/**
 * One reader of `Watch`: what it has, which of its volumes moved, and when it was last spoken to.
 */
export class WatchStream {
  readonly omitPages: boolean;
  /** Whether it ends with the first heartbeat: `waitMs` of the request. */
  readonly isLongPoll: boolean;
  /** Whether it was told anything yet. */
  isTold = false;
  /** Whether it was told its last event. */
  isOver = false;
  /** Called when there may be something to do. */
  onWake: () => void = () => undefined;
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  /** What the reader has, once it has taken the events so far. */
  readonly #lsns: Map<VolumeId, Lsn | undefined>;
  /** In the order in which they moved: no volume waits for ever behind a busy one. */
  readonly #marked = new Set<VolumeId>();
  readonly #ends: WatchEvent[] = [];
  /**
   * When the next heartbeat is due, monotonic ms. The first is due at once, a long-poll's when it
   * has waited in vain.
   */
  #dueMs: number;

  constructor(request: WatchRequest, clock: Clock) {
    this.omitPages = request.omitPages;
    this.isLongPoll = request.waitMs !== undefined;
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
    this.onWake();
  }

  /** The volume that moved first, which is no longer marked. */
  takeMarked(): VolumeId | undefined {
    const [volumeId] = this.#marked;
    if (volumeId !== undefined) this.#marked.delete(volumeId);
    return volumeId;
  }

  /** Nothing more will be told of a volume. */
  end(event: WatchEvent): void {
    this.#ends.push(event);
  }

  takeEnd(): WatchEvent | undefined {
    return this.#ends.shift();
  }

  /** Until the next heartbeat, ms. */
  get restMs(): number {
    return this.#dueMs - this.#clock.monotonicMs();
  }

  /** Whether a heartbeat is due; if so, the next one is due a period from now. */
  isDue(): boolean {
    if (this.restMs > 0) return false;
    this.#dueMs = this.#clock.monotonicMs() + this.#heartbeatMs;
    return true;
  }
}
