import type { GraftError, Lsn, VolumeId } from "@graft/core";
import type { RemoteNews } from "../remote/remote.ts";

/**
 * News of one server for any number of volumes, over as few streams as it takes (one, normally).
 * What it tells is a hint: losing all of it costs latency, never correctness.
 *
 * A volume is *live* from the moment its stream has told all that the volume lacked until that
 * stream is lost; then it is not, until the next one has caught up. While it is not live, whoever
 * wants to be current has to pull.
 */
export interface NewsFeed {
  /** Watches a volume until the subscription is closed. */
  subscribe(subscriber: NewsSubscriber): NewsSubscription;
  /** Ends all streams. */
  close(): Promise<void>;
}

/** One volume. Its methods are called one at a time and must not throw. */
export interface NewsSubscriber {
  readonly volumeId: VolumeId;
  /** The LSN the volume has now: where a new stream takes up. Undefined: none. */
  lsn(): Lsn | undefined;
  /** Apply it if `from` is your LSN; otherwise pull. */
  onNews(news: RemoteNews): void;
  /** Something happened that the stream does not tell: pull. */
  onResync(): void;
  /** Whether the stream says everything from now on. */
  onLive(isLive: boolean): void;
  /** The server watches this volume no longer: `not-found`, `permission-denied`, … */
  onEnd(error: GraftError): void;
}

export interface NewsSubscription {
  close(): void;
}
