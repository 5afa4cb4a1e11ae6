import type { Clock, GraftError, Lsn, VolumeId } from "@graft/core";
import type { WatchEvent, WatchRequest } from "@graft/rpc";
import type { WatchTerms } from "./watch-terms.ts";

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
  /**
   * In the order in which they moved, with the time of the first move that was not told: no volume
   * waits for ever behind a busy one.
   */
  readonly #marked = new Map<VolumeId, number>();
  readonly #ends: WatchEvent[];
  readonly #maxLsns: WatchTerms["maxLsns"] | undefined;
  #revoked: GraftError | undefined;
  /**
   * When the next heartbeat is due, monotonic ms. The first is due at once, a long-poll's when it
   * has waited in vain.
   */
  #dueMs: number;

  constructor(request: WatchRequest, clock: Clock, terms?: WatchTerms) {
    this.omitPages = request.omitPages;
    this.isLongPoll = request.waitMs !== undefined;
    this.#clock = clock;
    this.#ends = [...(terms?.ends ?? [])];
    this.#maxLsns = terms?.maxLsns;
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

  /** The volume moved. @param atMs monotonic */
  mark(volumeId: VolumeId, atMs: number): void {
    if (this.isRevoked) return;
    if (!this.#marked.has(volumeId)) this.#marked.set(volumeId, atMs);
    this.onWake();
  }

  /** The volume that moved first, and when; it is no longer marked. */
  takeMarked(): { readonly volumeId: VolumeId; readonly movedMs: number } | undefined {
    for (const [volumeId, movedMs] of this.#marked) {
      this.#marked.delete(volumeId);
      return { volumeId, movedMs };
    }
    return undefined;
  }

  /** Nothing more will be told of a volume. */
  end(event: WatchEvent): void {
    if (this.isRevoked) return;
    this.#ends.push(event);
  }

  takeEnd(): WatchEvent | undefined {
    return this.#ends.shift();
  }

  /** The LSN that the reader may see of a head. */
  within(volumeId: VolumeId, head: Lsn | undefined): Lsn | undefined {
    const maxLsn = this.#maxLsns?.get(volumeId);
    return head === undefined || maxLsn === undefined || head <= maxLsn ? head : maxLsn;
  }

  /** Its reader may see nothing any more: the end of each volume is all it is told yet. */
  revoke(error: GraftError): void {
    const { code, message } = error;
    this.#revoked = error;
    this.#marked.clear();
    for (const volumeId of this.#lsns.keys()) {
      this.#ends.push({ kind: "end", volumeId, code, message });
    }
    this.onWake();
  }

  get isRevoked(): boolean {
    return this.#revoked !== undefined;
  }

  /** @throws GraftError why it was revoked */
  throwIfRevoked(): void {
    if (this.#revoked !== undefined) throw this.#revoked;
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
