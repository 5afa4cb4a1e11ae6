/**
 * A volume of any size without its pages: records, tail indexes and segment footers are the real
 * ones, and a segment's footer is made when it is asked for. For tests of what a map costs.
 */
import {
  type Compute,
  createClientId,
  createSegmentId,
  createVolumeId,
  type IdSource,
  nextLsn,
  PAGE_SIZE_DEFAULT,
  pageRange,
  type SegmentId,
  toLsn,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import {
  type CheckpointRef,
  type CommitRecord,
  encodeCommitRecord,
  encodeFrame,
  logKey,
  nextTailIndex,
  SegmentBuilder,
  type SegmentRef,
  segmentKey,
  type TailFields,
} from "@graft/format";
import { decodeCatalogCommit } from "../catalog-commit.ts";
import type { CatalogCommit } from "../volume-catalog.ts";
import { CountedObjects } from "./counted-objects.ts";

/** 8 MiB of pages, as a client uploads them. */
const SEGMENT_PAGES = 2048;
const FRAME_PAGES = 64;
/** Stored bytes of a frame: what 64 pages may compress to is nothing that a map depends on. */
const FRAME_SIZE = 200;

/** Its segments are made on demand. */
class SyntheticObjects extends CountedObjects {
  readonly segments: Map<string, () => Uint8Array> = new Map();

  protected override find(key: string): Uint8Array | undefined {
    return super.find(key) ?? this.segments.get(key)?.();
  }
}

export class SyntheticVolume {
  readonly objects: CountedObjects;
  readonly ids: IdSource = { random: new SeededRandom(9), clock: systemClock };
  readonly volumeId: VolumeId = createVolumeId(this.ids);
  readonly #objects = new SyntheticObjects();
  readonly #clientId = createClientId(this.ids);
  readonly #compute: Compute;
  #head: CatalogCommit | undefined;
  #pageCount = 0;

  constructor(compute: Compute) {
    this.#compute = compute;
    this.objects = this.#objects;
  }

  /** Commits pages 1 … count in segments, frame indexes left to their footers: an import. */
  import(pageCount: number): CatalogCommit {
    const segments: SegmentRef[] = [];
    for (let first = 1; first <= pageCount; first += SEGMENT_PAGES) {
      const last = Math.min(pageCount, first + SEGMENT_PAGES - 1);
      const segmentId = createSegmentId(this.ids);
      const build = (): Uint8Array => this.#segment(segmentId, first, last);
      this.#objects.segments.set(segmentKey(this.volumeId, segmentId), build);
      const pageSet = pageRange(toPageIndex(first), toPageIndex(last));
      segments.push({ segmentId, pageSet, size: build().length, frames: [] });
    }
    this.#pageCount = pageCount;
    return this.#commit({ segments, inlineFrames: [] }, undefined);
  }

  /** Commits pages inside the record, each filled with the LSN. None twice. */
  async commitInline(
    pages: readonly number[],
    checkpoint: CheckpointRef | undefined,
    pageCount: number = this.#pageCount,
  ): Promise<CatalogCommit> {
    const fill = Number(this.#head?.record.lsn ?? 0n) + 1;
    const context = { volumeId: this.volumeId, pageSize: PAGE_SIZE_DEFAULT };
    const inlineFrames = await Promise.all(
      pages
        .toSorted((a, b) => a - b)
        .map(async (page) => {
          const data = new Uint8Array(PAGE_SIZE_DEFAULT).fill(fill);
          return await encodeFrame([{ index: toPageIndex(page), data }], context, this.#compute);
        }),
    );
    this.#pageCount = pageCount;
    return this.#commit({ segments: [], inlineFrames }, checkpoint);
  }

  #commit(
    content: Pick<CommitRecord, "segments" | "inlineFrames">,
    checkpoint: CheckpointRef | undefined,
  ): CatalogCommit {
    const parent = this.#head;
    const lsn = parent === undefined ? toLsn(1n) : nextLsn(parent.record.lsn);
    const pageSet = pageRange(1, 0);
    for (const { pageSet: pages } of [...content.segments, ...content.inlineFrames]) {
      for (const { first, last } of pages.ranges()) pageSet.insertRange(first, last);
    }
    const pageCount = toPageCount(this.#pageCount);
    const next = { lsn, pageSet, pageCount, checkpoint };
    const fields = nextTailIndex(next, parent === undefined ? [] : [parent.record]);
    if (fields === undefined) throw new Error("every record here has a tail index");
    const record: CommitRecord = {
      volumeId: this.volumeId,
      lsn,
      clientId: this.#clientId,
      timestampMs: Number(lsn),
      pageSize: PAGE_SIZE_DEFAULT,
      pageCount,
      ...(parent === undefined ? {} : { parentHash: parent.hash }),
      ...content,
      ...fields,
    };
    const bytes = encodeCommitRecord(record, this.#compute);
    this.#objects.objects.set(logKey(this.volumeId, lsn), bytes);
    this.#head = decodeCatalogCommit(bytes, { volumeId: this.volumeId, lsn }, this.#compute);
    return this.#head;
  }

  #segment(segmentId: SegmentId, first: number, last: number): Uint8Array {
    const { volumeId } = this;
    const builder = new SegmentBuilder({ volumeId, segmentId, pageSize: PAGE_SIZE_DEFAULT });
    const data = new Uint8Array(FRAME_SIZE);
    for (let at = first; at <= last; at += FRAME_PAGES) {
      const pageSet = pageRange(at, Math.min(last, at + FRAME_PAGES - 1));
      builder.add({ pageSet, codec: "zstd", hash: new Uint8Array(16).fill(at), data });
    }
    return builder.finish(this.#compute).bytes;
  }
}

/** What a record says of the map beside its own pages. */
export function fieldsOf({ record }: CatalogCommit): TailFields {
  const { tailIndex, checkpoint } = record;
  if (tailIndex === undefined) throw new Error("every record here has a tail index");
  return checkpoint === undefined ? { tailIndex } : { tailIndex, checkpoint };
}
