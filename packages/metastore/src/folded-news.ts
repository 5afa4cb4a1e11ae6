import type { CatalogCommit, VolumeCatalog } from "@graft/catalog";
import { type Lsn, toLsn, type VolumeId } from "@graft/core";
import type { WatchEvent } from "@graft/rpc";
import { foldNews } from "./watch-news.ts";

/** Commits that one event folds; a reader further behind pulls. */
const FOLD_COUNT_MAX = 1024n;
/** Events kept for others who ask for the same: at ≤ 128 KiB each, 2 MiB. */
const KEPT_COUNT_MAX = 16;

/** A reader's question. */
export interface NewsRange {
  readonly volumeId: VolumeId;
  /** Undefined: from nothing. */
  readonly from: Lsn | undefined;
  readonly head: Lsn;
  readonly omitPages: boolean;
}

/** Commits folded into events: once for all who have the same and want the same. */
export class FoldedNews {
  readonly #catalog: VolumeCatalog;
  /** Made last, last. */
  readonly #kept = new Map<string, WatchEvent>();
  /** What a thousand readers ask one after the other. */
  #last: (NewsRange & { readonly event: WatchEvent }) | undefined;

  constructor(catalog: VolumeCatalog) {
    this.#catalog = catalog;
  }

  /** The same object for the same question, as long as it is a recent one. */
  of(range: NewsRange): WatchEvent {
    const { volumeId, from, head, omitPages } = range;
    const last = this.#last;
    if (last?.head === head && last.volumeId === volumeId && last.from === from) {
      if (last.omitPages === omitPages) return last.event;
    }
    const key = `${volumeId} ${from ?? 0n} ${head} ${omitPages}`;
    const event = this.#kept.get(key) ?? this.#fold(range);
    this.#last = { ...range, event };
    this.#kept.set(key, event);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_COUNT_MAX && oldest !== undefined) this.#kept.delete(oldest);
    return event;
  }

  #fold({ volumeId, from, head, omitPages }: NewsRange): WatchEvent {
    const commits = this.#heldCommits(volumeId, from ?? 0n, head);
    if (commits === undefined) return { kind: "resync", volumeId };
    return foldNews(from, commits, { omitPages });
  }

  /**
   * Undefined: too many, or no longer in memory, or the reader is ahead of us: it had better pull.
   */
  #heldCommits(volumeId: VolumeId, from: bigint, head: Lsn): readonly CatalogCommit[] | undefined {
    if (from > head || head - from > FOLD_COUNT_MAX) return undefined;
    const held = this.#catalog.range(volumeId, { floor: toLsn(from + 1n), head });
    return held && [...held];
  }
}
