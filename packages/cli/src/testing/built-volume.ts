/**
 * A volume in a store, made of the codecs alone: segments, inline commits, shrinks, tail indexes
 * and checkpoints with shared blocks. For tests of tools that look.
 */
import {
  createClientId,
  createSegmentId,
  createVolumeId,
  type IdSource,
  type Lsn,
  nextLsn,
  type Page,
  type PageIndex,
  pageSetOf,
  randomBytes,
  toPageCount,
  toPageIndex,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import {
  buildCheckpoint,
  buildSegment,
  type CheckpointBlockRef,
  type CheckpointEntry,
  type CheckpointRoot,
  type CommitRecord,
  checkpointBlocksKey,
  checkpointBlocksName,
  checkpointRootKey,
  commitRecordHash,
  decodeCheckpointBlock,
  encodeCommitRecord,
  encodeFrames,
  encodeHeadHint,
  encodeVolumeRecord,
  entriesOfSegment,
  entriesPageSet,
  headKey,
  logKey,
  lowestCountSince,
  nextTailIndex,
  planCheckpoint,
  type SegmentRef,
  segmentKey,
  takePages,
  volumeKey,
} from "@graft/format";
import type { ObjectStore } from "@graft/object-store";

const PAGE_SIZE = toPageSize(512);

/** What a commit of the built volume writes. */
export interface BuiltStep {
  readonly inline?: readonly number[];
  readonly segment?: readonly number[];
  readonly pageCount: number;
  readonly low?: number;
}

export class BuiltVolume {
  readonly ids: IdSource = { random: new SeededRandom(5), clock: new SimulatedClock() };
  readonly volumeId: VolumeId = createVolumeId(this.ids);
  readonly records: CommitRecord[] = [];
  readonly segmentIds: SegmentRef["segmentId"][] = [];
  readonly #store: ObjectStore;
  /** What a checkpoint writes of an inline page: another one is damage that has a right hash. */
  readonly #movedAs: (page: Page) => Page;
  readonly #clientId = createClientId(this.ids);
  readonly #pages = new Map<number, Uint8Array>();
  readonly #blocks = new Map<string, Uint8Array>();
  #root: { readonly root: CheckpointRoot; readonly hash: Uint8Array } | undefined;
  #hash: Uint8Array | undefined;

  private constructor(store: ObjectStore, movedAs: (page: Page) => Page) {
    this.#store = store;
    this.#movedAs = movedAs;
  }

  /** Eight commits, two checkpoints, two shrinks, inline pages that moved into segments. */
  static async build(
    store: ObjectStore,
    movedAs: (page: Page) => Page = (page) => page,
  ): Promise<BuiltVolume> {
    const volume = new BuiltVolume(store, movedAs);
    const record = { volumeId: volume.volumeId, pageSize: PAGE_SIZE, createdMs: 1 };
    await store.put(volumeKey(volume.volumeId), encodeVolumeRecord(record, compute));
    await volume.commit({ segment: range(1, 130), pageCount: 130 });
    await volume.commit({ inline: [5, 131], pageCount: 131 });
    await volume.commit({ inline: [1], pageCount: 100 });
    await volume.commit({ segment: range(90, 120), pageCount: 120 });
    await volume.checkpoint();
    await volume.commit({ inline: [2, 3], pageCount: 120 });
    await volume.commit({ inline: [3], pageCount: 118, low: 110 });
    await volume.checkpoint();
    await volume.commit({ segment: range(60, 64), inline: [7], pageCount: 118 });
    await volume.commit({ inline: [8, 118], pageCount: 118 });
    await store.put(headKey(volume.volumeId), encodeHeadHint(volume.head));
    return volume;
  }

  get head(): Lsn {
    return nextLsn(this.records.at(-2)?.lsn);
  }

  async commit({ inline = [], segment = [], pageCount, low }: BuiltStep): Promise<void> {
    const parent = this.records.at(-1);
    const lsn = nextLsn(parent?.lsn);
    const lowPageCount = low === undefined ? {} : { lowPageCount: toPageCount(low) };
    const checkpoint = this.#root && { lsn: this.#root.root.lsn, hash: this.#root.hash };
    const pageSet = pageSetOf([...inline, ...segment].map((index) => toPageIndex(index)));
    const next = { lsn, pageSet, pageCount: toPageCount(pageCount), ...lowPageCount, checkpoint };
    const fields = nextTailIndex(next, this.records.toReversed());
    if (fields === undefined) throw new Error("the records reach down to the first");
    for (const index of [...this.#pages.keys()]) {
      if (index > (low ?? pageCount)) this.#pages.delete(index);
    }
    const record: CommitRecord = {
      volumeId: this.volumeId,
      lsn,
      clientId: this.#clientId,
      timestampMs: 1000 + Number(lsn),
      pageSize: PAGE_SIZE,
      pageCount: toPageCount(pageCount),
      ...lowPageCount,
      ...(this.#hash === undefined ? {} : { parentHash: this.#hash }),
      segments: segment.length === 0 ? [] : [await this.#putSegment(this.#writePages(segment))],
      inlineFrames: await encodeFrames(this.#writePages(inline), this.#context, compute),
      ...fields,
    };
    const bytes = encodeCommitRecord(record, compute);
    await this.#store.put(logKey(this.volumeId, lsn), bytes);
    this.#hash = commitRecordHash(bytes, compute);
    this.records.push(record);
  }

  /** A checkpoint at the head. */
  async checkpoint(): Promise<void> {
    const record = this.records.at(-1);
    if (record?.tailIndex === undefined || this.#hash === undefined) throw new Error("no head");
    const { lsn, tailIndex, pageCount } = record;
    const refs = await this.#refsSinceCheckpoint(record);
    const entries = refs.flatMap(([at, ref]) => entriesOfSegment(at, ref));
    const lowestCount = lowestCountSince(tailIndex.shrinks, undefined);
    const change = { lsn, pageSet: entriesPageSet(entries), lowestCount };
    const previous = this.#root?.root;
    const objectName = checkpointBlocksName(lsn, randomBytes(this.ids.random, 8));
    const built = buildCheckpoint(
      {
        ...{ volumeId: this.volumeId, pageSize: PAGE_SIZE, pageCount, recordHash: this.#hash },
        ...{ previous, change, plan: planCheckpoint(previous, change), entries, objectName },
        segments: refs.map(([, { segmentId, size }]) => ({ segmentId, size })),
        shrinks: tailIndex.shrinks,
        blockEntries: (block) => this.#entriesOf(block, previous),
        blockBytes: (block) => this.#blocks.get(nameOf(block)) ?? new Uint8Array(),
        untouchedSegments: undefined,
        blockSizeTarget: 400,
      },
      compute,
    );
    for (const block of built.root.blocks.filter(({ object }) => object === objectName)) {
      const at = [...built.blocks.keys()].find(
        (one) => offsetOf(built.blocks, one) === block.offset,
      );
      this.#blocks.set(nameOf(block), built.blocks[at ?? -1] ?? new Uint8Array());
    }
    await this.#store.put(checkpointBlocksKey(this.volumeId, objectName), built.blocks);
    await this.#store.put(checkpointRootKey(this.volumeId, lsn), built.rootBytes);
    this.#root = { root: built.root, hash: compute.sha256(built.rootBytes) };
  }

  /** What the head changed since the checkpoint that it names, by the commit that wrote it. */
  async #refsSinceCheckpoint(record: CommitRecord): Promise<(readonly [Lsn, SegmentRef])[]> {
    const own = {
      lsn: record.lsn,
      inlinePageSet: entriesPageSet(record.inlineFrames as never),
      segments: record.segments,
    };
    const refs: (readonly [Lsn, SegmentRef])[] = [];
    for (const { lsn, inlinePageSet, segments } of [own, ...(record.tailIndex?.commits ?? [])]) {
      for (const ref of segments) refs.push([lsn, ref]);
      if (inlinePageSet === undefined || inlinePageSet.isEmpty) continue;
      // Together with a page that nobody names from there, as a segment of many commits would be.
      const pages = [...inlinePageSet].map((index) =>
        this.#movedAs(this.#page(toPageIndex(index))),
      );
      const extra = this.#page(toPageIndex(50));
      const whole = await this.#putSegment([...pages, extra].sort((a, b) => a.index - b.index));
      const ref = takePages(whole, inlinePageSet);
      if (ref !== undefined) refs.push([lsn, ref]);
    }
    return refs;
  }

  get #context() {
    return { volumeId: this.volumeId, pageSize: PAGE_SIZE };
  }

  async #putSegment(pages: readonly Page[]): Promise<SegmentRef> {
    const segmentId = createSegmentId(this.ids);
    const { bytes, ref } = await buildSegment(pages, { ...this.#context, segmentId }, compute);
    await this.#store.put(segmentKey(this.volumeId, segmentId), bytes);
    this.segmentIds.push(segmentId);
    return ref;
  }

  #writePages(indexes: readonly number[]): readonly Page[] {
    for (const index of indexes) this.#pages.set(index, randomBytes(this.ids.random, PAGE_SIZE));
    return indexes.map((index) => this.#page(toPageIndex(index)));
  }

  #page(index: PageIndex): Page {
    return { index, data: this.#pages.get(index) ?? new Uint8Array(PAGE_SIZE) };
  }

  #entriesOf(
    block: CheckpointBlockRef,
    root: CheckpointRoot | undefined,
  ): readonly CheckpointEntry[] {
    if (root === undefined) return [];
    const { firstPage, lastPage } = block;
    const context = { ...this.#context, firstPage, lastPage, lsn: root.lsn, objectName: "block" };
    const bytes = this.#blocks.get(nameOf(block)) ?? new Uint8Array();
    return decodeCheckpointBlock(bytes, block, context, compute);
  }
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

function nameOf({ object, offset }: CheckpointBlockRef): string {
  return `${object}:${offset}`;
}

function offsetOf(blocks: readonly Uint8Array[], at: number): number {
  return blocks.slice(0, at).reduce((sum, { length }) => sum + length, 0);
}
