import {
  type CatalogCommit,
  type CatalogRecord,
  CheckpointReader,
  CheckpointWriter,
  decodeCatalogCommit,
} from "@graft/catalog";
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
  pageSetOf,
  type Random,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import {
  buildSegment,
  type CheckpointRef,
  commitPageSet,
  encodeCommitRecord,
  encodeFrames,
  type Frame,
  logKey,
  nextTailIndex,
  type SegmentRef,
  segmentKey,
  type TailFields,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import { present } from "@graft/rpc";

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
  /** Whether the record says nothing of what lies below it: legal, and readers walk the log. */
  readonly isBare?: boolean;
}

/** Writes a volume's log and segments as a MetaStore and a PageStore would, for tests. */
export class VolumeWriter {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  readonly #means: VolumeWriterMeans;
  /** Newest first. */
  readonly #commits: CatalogCommit[] = [];
  #checkpoint: CheckpointRef | undefined;

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
    const head = this.#commits[0];
    const lsn = nextLsn(head?.record.lsn);
    const fields = commit.isBare === true ? {} : this.#tailFields(lsn, commit);
    const record = {
      volumeId,
      lsn,
      pageSize,
      clientId: createClientId(this.#means),
      timestampMs: clock.nowMs(),
      pageCount: toPageCount(pageCount),
      ...(lowPageCount < pageCount ? { lowPageCount: toPageCount(lowPageCount) } : {}),
      ...(head === undefined ? {} : { parentHash: head.hash }),
      segments,
      inlineFrames,
      ...fields,
    };
    const bytes = encodeCommitRecord(record, compute);
    const outcome = await store.create(logKey(volumeId, lsn), bytes);
    invariant(outcome === "created", "a test is the only writer of its volume");
    this.#commits.unshift(decodeCatalogCommit(bytes, { volumeId, lsn }, compute));
    return lsn;
  }

  /** Writes the checkpoint at the newest commit; later commits name it. */
  async checkpoint(): Promise<CheckpointRef> {
    const [head, ...below] = this.#commits;
    invariant(head !== undefined, "a checkpoint is of a commit");
    const { record } = head;
    const { tailIndex, checkpoint } = record;
    const walked = nextTailIndex({ ...record, pageSet: commitPageSet(record) }, recordsOf(below));
    const fields = tailIndex === undefined ? walked : present({ tailIndex, checkpoint });
    invariant(fields !== undefined, "the whole log is at hand");
    const objects = this.#means.store;
    const reader = new CheckpointReader({ objects, compute: this.#means.compute });
    const writer = new CheckpointWriter({ ...this.#means, objects, reader });
    this.#checkpoint = await writer.write(head, fields, undefined);
    return this.#checkpoint;
  }

  #tailFields(lsn: Lsn, { pages, pageCount, lowPageCount }: WrittenCommit): TailFields | undefined {
    const next = {
      lsn,
      pageSet: pageSetOf([...pages.keys()].map(toPageIndex)),
      pageCount: toPageCount(pageCount),
      lowPageCount: lowPageCount === undefined ? undefined : toPageCount(lowPageCount),
      checkpoint: this.#checkpoint,
    };
    return nextTailIndex(present(next), recordsOf(this.#commits));
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

function* recordsOf(commits: Iterable<CatalogCommit>): Generator<CatalogRecord> {
  for (const { record } of commits) yield record;
}
