import {
  type Clock,
  type Compute,
  createClientId,
  createSegmentId,
  createVolumeId,
  invariant,
  type Lsn,
  nextLsn,
  PAGE_SIZE_DEFAULT,
  type Page,
  type PageSize,
  type Random,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import {
  buildSegment,
  commitRecordHash,
  encodeCommitRecord,
  encodeFrames,
  type Frame,
  logKey,
  type SegmentRef,
  segmentKey,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";

/** The means a volume is written with. */
export interface VolumeWriterMeans {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly pageSize?: PageSize;
}

/** One commit to make. */
export interface WrittenCommit {
  /** Content by page index. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
  readonly pageCount: number;
  readonly lowPageCount?: number;
  /** Where the pages go: into the record, or dealt out among so many segments. Default: inline. */
  readonly placement?: "inline" | { readonly segments: number; readonly omitFrames?: boolean };
}

/** Writes a volume's log and segments as a MetaStore and a PageStore would, for tests. */
export class VolumeWriter {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  readonly #means: VolumeWriterMeans;
  #head: { readonly lsn: Lsn; readonly hash: Uint8Array } | undefined;

  constructor(means: VolumeWriterMeans) {
    this.volumeId = createVolumeId(means);
    this.pageSize = means.pageSize ?? PAGE_SIZE_DEFAULT;
    this.#means = means;
  }

  /** Appends a commit and answers its LSN. */
  async commit(commit: WrittenCommit): Promise<Lsn> {
    const { store, clock, compute } = this.#means;
    const { volumeId, pageSize } = this;
    const { pageCount, lowPageCount = pageCount, placement = "inline" } = commit;
    const pages = [...commit.pages]
      .map(([index, data]) => ({ index: toPageIndex(index), data }))
      .sort((a, b) => a.index - b.index);
    const segments = placement === "inline" ? [] : await this.#segments(pages, placement);
    const inlineFrames = placement === "inline" ? await this.#frames(pages) : [];
    const lsn = nextLsn(this.#head?.lsn);
    const record = {
      volumeId,
      lsn,
      pageSize,
      clientId: createClientId(this.#means),
      timestampMs: clock.nowMs(),
      pageCount: toPageCount(pageCount),
      ...(lowPageCount < pageCount ? { lowPageCount: toPageCount(lowPageCount) } : {}),
      ...(this.#head === undefined ? {} : { parentHash: this.#head.hash }),
      segments,
      inlineFrames,
    };
    const bytes = encodeCommitRecord(record, compute);
    const outcome = await store.create(logKey(volumeId, lsn), bytes);
    invariant(outcome === "created", "a test is the only writer of its volume");
    this.#head = { lsn, hash: commitRecordHash(bytes, compute) };
    return lsn;
  }

  async #frames(pages: readonly Page[]): Promise<readonly Frame[]> {
    return await encodeFrames(pages, this, this.#means.compute);
  }

  async #segments(
    pages: readonly Page[],
    placement: { readonly segments: number; readonly omitFrames?: boolean },
  ): Promise<readonly SegmentRef[]> {
    const { store, compute } = this.#means;
    const { volumeId, pageSize } = this;
    const refs: SegmentRef[] = [];
    for (let at = 0; at < placement.segments; at++) {
      const share = pages.filter((_, page) => page % placement.segments === at);
      if (share.length === 0) continue;
      const segmentId = createSegmentId(this.#means);
      const { bytes, ref } = await buildSegment(share, { volumeId, pageSize, segmentId }, compute);
      await store.put(segmentKey(volumeId, segmentId), bytes);
      refs.push(placement.omitFrames === true ? { ...ref, frames: [] } : ref);
    }
    return refs;
  }
}
