import type { NewsSubscriber, Remote, RemoteNews } from "@graft/client";
import type { GraftError, Lsn, VolumeId } from "@graft/core";

/**
 * A replica's LSN, kept current by what a feed tells and by nothing else: it pulls only when it is
 * told to, or cannot apply the news. What it was not told it does not know, however long it waits.
 */
export class NewsFollower implements NewsSubscriber {
  readonly volumeId: VolumeId;
  readonly #remote: Pick<Remote, "getSnapshot">;
  #lsn: Lsn | undefined;
  isLive = false;
  liveCount = 0;
  newsCount = 0;
  pullCount = 0;
  end: GraftError | undefined;
  #pulling: Promise<void> | undefined;

  constructor(volumeId: VolumeId, remote: Pick<Remote, "getSnapshot">, lsn?: Lsn) {
    this.volumeId = volumeId;
    this.#remote = remote;
    this.#lsn = lsn;
  }

  lsn(): Lsn | undefined {
    return this.#lsn;
  }

  onNews({ from, snapshot }: RemoteNews): void {
    this.newsCount++;
    if (from === this.#lsn) this.#lsn = snapshot.lsn;
    else if (snapshot.lsn > (this.#lsn ?? 0n)) this.onResync();
  }

  onResync(): void {
    this.#pulling = (this.#pulling ?? Promise.resolve()).then(() => this.#pull());
  }

  onLive(isLive: boolean): void {
    this.isLive = isLive;
    if (isLive) this.liveCount++;
  }

  onEnd(error: GraftError): void {
    this.end = error;
    this.isLive = false;
  }

  /** Until it succeeds: a replica would do as much. */
  async #pull(): Promise<void> {
    this.pullCount++;
    const snapshot = await this.#remote.getSnapshot(this.volumeId).catch(() => undefined);
    if (snapshot === undefined) return this.#pull();
    if (snapshot.lsn > (this.#lsn ?? 0n)) this.#lsn = snapshot.lsn;
  }
}
