import type { CommitId, Lsn } from "@graft/core";
import type { RemoteNews } from "../remote/remote.ts";

/** News that may wait while an outcome is open; what is beyond is pulled instead. */
const COUNT_MAX = 64;
/** Bytes of pages that wait with it. */
const SIZE_MAX = 1024 * 1024;

/** News of one volume in the order it came, each from where the one before ended. Bounded. */
export class WaitingNews {
  #list: RemoteNews[] = [];
  #sizeBytes = 0;

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /** False: there is no room, and nothing waits any more: pull. */
  add(news: RemoteNews): boolean {
    this.#list.push(news);
    this.#sizeBytes += sizeOf(news);
    if (this.#list.length <= COUNT_MAX && this.#sizeBytes <= SIZE_MAX) return true;
    this.clear();
    return false;
  }

  clear(): void {
    this.#list = [];
    this.#sizeBytes = 0;
  }

  /** Whether this commit is among the news. */
  has(commitId: CommitId): boolean {
    return this.#list.some((news) => news.commitIds.includes(commitId));
  }

  /** Forgets what the volume has already. */
  dropUpTo(lsn: Lsn | undefined): void {
    if (lsn === undefined) return;
    for (let next = this.peek(); next !== undefined; next = this.peek()) {
      if (next.snapshot.lsn > lsn) return;
      this.drop();
    }
  }

  /** What follows next. */
  peek(): RemoteNews | undefined {
    return this.#list.at(0);
  }

  drop(): void {
    const dropped = this.#list.shift();
    if (dropped !== undefined) this.#sizeBytes -= sizeOf(dropped);
  }
}

function sizeOf({ pages }: RemoteNews): number {
  return pages.length === 0 ? 0 : pages.length * (pages[0]?.data.length ?? 0);
}
