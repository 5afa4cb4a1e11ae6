import { GraftError, type Lsn, type VolumeId } from "@graft/core";
import type { RemoteNews } from "../remote/remote.ts";
import type { NewsSubscriber } from "./news-feed.ts";

/** Where a stream has brought a volume. */
export type Position =
  | { readonly kind: "at"; readonly lsn: Lsn | undefined }
  /** It had to resync: what it was told last is not what the stream goes on from. */
  | { readonly kind: "unknown" };

interface Seat {
  readonly subscriber: NewsSubscriber;
  isLive: boolean;
  /** The first stream that was opened from this listener's LSN; so was each later one. */
  firstStreamId: number;
}

/**
 * Who listens to which volume. Several may listen to one: replicas in different data directories of
 * one process. A listener that throws is broken: it is told so, leaves, and disturbs nobody.
 */
export class Audience {
  readonly #seats = new Map<VolumeId, Set<Seat>>();
  readonly #onEmpty: (volumeId: VolumeId) => void;

  /** @param onEmpty told when the last listener of a volume has left */
  constructor(onEmpty: (volumeId: VolumeId) => void) {
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#seats.size === 0;
  }

  /** Answers what ends it, and whether it is the volume's first listener. */
  add(subscriber: NewsSubscriber): { leave: () => void; isFirst: boolean } {
    const { volumeId } = subscriber;
    const seats = this.#seats.get(volumeId) ?? new Set();
    this.#seats.set(volumeId, seats);
    const seat: Seat = { subscriber, isLive: false, firstStreamId: Number.POSITIVE_INFINITY };
    seats.add(seat);
    return { leave: () => this.#leave(seat), isFirst: seats.size === 1 };
  }

  /** The least LSN of the volume's listeners: from there a stream tells all of them everything. */
  startOf(volumeId: VolumeId, streamId: number): Lsn | undefined {
    let start: Lsn | undefined;
    for (const [at, seat] of [...(this.#seats.get(volumeId) ?? [])].entries()) {
      seat.firstStreamId = Math.min(seat.firstStreamId, streamId);
      const lsn = seat.subscriber.lsn();
      // No LSN is the least of all.
      if (at === 0 || lsn === undefined || (start !== undefined && lsn < start)) start = lsn;
    }
    return start;
  }

  /** Whether nobody who listens to these has use for pages. */
  omitsPages(volumeIds: readonly VolumeId[]): boolean {
    return volumeIds.every((volumeId) =>
      [...(this.#seats.get(volumeId) ?? [])].every(({ subscriber }) => subscriber.omitsPages),
    );
  }

  /** Told to those who do not have it. */
  tellNews(news: RemoteNews): void {
    this.#each(news.snapshot.volumeId, ({ subscriber }) => {
      if ((subscriber.lsn() ?? 0n) < news.snapshot.lsn) subscriber.onNews(news);
    });
  }

  tellResync(volumeId: VolumeId): void {
    this.#each(volumeId, ({ subscriber }) => subscriber.onResync());
  }

  /**
   * A stream tells everything from now on, beyond `position`. Who came after it was opened was not
   * told of what is before that, and has to pull.
   */
  tellLive(volumeId: VolumeId, streamId: number, position: Position): void {
    this.#each(volumeId, (seat) => {
      if (seat.isLive) return;
      seat.isLive = true;
      const { subscriber } = seat;
      const isLate = streamId < seat.firstStreamId;
      const has = subscriber.lsn() ?? 0n;
      const lacks = position.kind === "unknown" || has < (position.lsn ?? 0n);
      if (isLate && lacks) subscriber.onResync();
      subscriber.onLive(true);
    });
  }

  tellStale(volumeId: VolumeId): void {
    this.#each(volumeId, (seat) => {
      if (!seat.isLive) return;
      seat.isLive = false;
      seat.subscriber.onLive(false);
    });
  }

  /** Its listeners leave. */
  end(volumeId: VolumeId, error: GraftError): void {
    for (const seat of [...(this.#seats.get(volumeId) ?? [])]) this.#end(seat, error);
  }

  /** Everybody leaves, and nobody is told. */
  clear(): void {
    this.#seats.clear();
  }

  #each(volumeId: VolumeId, tell: (seat: Seat) => void): void {
    // A copy: who is told may leave, or bring others.
    for (const seat of [...(this.#seats.get(volumeId) ?? [])]) {
      if (this.#seats.get(volumeId)?.has(seat) !== true) continue;
      try {
        tell(seat);
      } catch (cause) {
        const message = `volume ${volumeId}: its listener failed, and hears no more`;
        this.#end(seat, new GraftError("internal", message, { cause }));
      }
    }
  }

  #end(seat: Seat, error: GraftError): void {
    this.#leave(seat);
    try {
      seat.subscriber.onEnd(error);
    } catch {
      // It has left: there is nobody to tell that it failed at that, too.
    }
  }

  #leave(seat: Seat): void {
    const { volumeId } = seat.subscriber;
    const seats = this.#seats.get(volumeId);
    if (seats?.delete(seat) !== true || seats.size > 0) return;
    this.#seats.delete(volumeId);
    this.#onEmpty(volumeId);
  }
}
