import type { GraftError, Lsn, VolumeId } from "@graft/core";
import type { RemoteNews } from "../remote/remote.ts";

/**
 * News of one server for any number of volumes, over as few streams as it takes (one, normally).
 * What it tells is a hint: losing all of it costs latency, never correctness. It keeps nothing for
 * a subscriber: what cannot be taken up at once is noted as "pull".
 *
 * A volume is *live* from the moment its stream has told all that the volume lacked until that
 * stream is lost; then it is not, until the next one has caught up. While it is not live, whoever
 * wants to be current has to pull.
 */
export interface NewsFeed {
  /** Watches a volume until the subscription is closed. */
  subscribe(subscriber: NewsSubscriber): NewsSubscription;
  /** Ends all streams and subscriptions, silently; a shared one ends with its last user. */
  close(): Promise<void>;
}

/**
 * One volume; several subscribers may share one. Its methods are called one at a time, never inside
 * `subscribe`, and must not throw: one that does hears no more, after an `onEnd` with `internal`.
 */
export interface NewsSubscriber {
  readonly volumeId: VolumeId;
  /** The LSN the volume has now: where a new stream takes up. Undefined: none. */
  lsn(): Lsn | undefined;
  /** It has no use for pages inside news; they are left out when nobody on its stream has. */
  readonly omitsPages?: boolean;
  /**
   * Apply it if `from` is your LSN; otherwise pull. It is newer than `lsn()` when it is told; when
   * its turn comes and it no longer is, there is nothing to do.
   */
  onNews(news: RemoteNews): void;
  /** Something happened that the stream does not tell: pull. */
  onResync(): void;
  /** Whether the stream says everything from now on. */
  onLive(isLive: boolean): void;
  /**
   * It hears no more, and the subscription is closed: the server refuses to watch the volume, or
   * anything (`permission-denied`, `unauthenticated`, …). What may pass is tried again instead.
   */
  onEnd(error: GraftError): void;
}

export interface NewsSubscription {
  close(): void;
}
