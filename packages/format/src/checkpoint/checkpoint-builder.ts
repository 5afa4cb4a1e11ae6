/** From a plan, the blocks it needs and what changed to the next checkpoint's objects. */
import {
  type Compute,
  invariant,
  type PageCount,
  type PageSize,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { addToShrinkList, type Shrink } from "../shrink-list.ts";
import { type CheckpointEntry, encodeCheckpointBlock, newestLsnOf } from "./checkpoint-block.ts";
import { entriesPageSet, entryWithin, entryWithout } from "./checkpoint-entries.ts";
import type { CheckpointPlan, CheckpointRun, MapChange } from "./checkpoint-plan.ts";
import {
  type CheckpointBlockRef,
  type CheckpointRoot,
  type CheckpointSegment,
  encodeCheckpointRoot,
} from "./checkpoint-root.ts";
import { BLOCK_SIZE_TARGET, packEntries, sortEntries } from "./pack-entries.ts";

/** All that a checkpoint is made of. */
export interface CheckpointParts {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  /** SHA-256 of the stored record at the new checkpoint's LSN. */
  readonly recordHash: Uint8Array;
  readonly previous: CheckpointRoot | undefined;
  readonly change: MapChange;
  readonly plan: CheckpointPlan;
  /** Where the changed pages are: they are `change.pageSet` together. */
  readonly entries: readonly CheckpointEntry[];
  /** Of the segments that `entries` name. */
  readonly segments: readonly CheckpointSegment[];
  /** Shrinks since the previous checkpoint, ascending. */
  readonly shrinks: readonly Shrink[];
  /** Entries of a block that a run reads. */
  readonly blockEntries: (block: CheckpointBlockRef) => readonly CheckpointEntry[];
  /** Bytes of a block that is copied. */
  readonly blockBytes: (block: CheckpointBlockRef) => Uint8Array;
  /**
   * Segments that kept and copied blocks name. Undefined: not known, all of the previous root's.
   */
  readonly untouchedSegments: ReadonlySet<string> | undefined;
  /** Last part of the key of the new object with blocks. */
  readonly objectName: string;
  /** Bytes of entries in a block. Default 48 KiB. */
  readonly blockSizeTarget?: number | undefined;
}

/** The objects of a checkpoint. */
export interface BuiltCheckpoint {
  readonly root: CheckpointRoot;
  readonly rootBytes: Uint8Array;
  /** The new object's content, in order. Empty: there is none to write. */
  readonly blocks: readonly Uint8Array[];
  /** What the blocks say that were not copied, by their place in the root. */
  readonly written: ReadonlyMap<CheckpointBlockRef, readonly CheckpointEntry[]>;
}

/** Builds a checkpoint. @throws GraftError `resource-exhausted` when its root is over 32 MiB */
export function buildCheckpoint(parts: CheckpointParts, compute: Compute): BuiltCheckpoint {
  const steps = buildCheckpointInSteps(parts, compute);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/**
 * The same, block by block: a checkpoint of many blocks takes longer than a server may be deaf, so
 * that its caller can let others in between.
 */
export function* buildCheckpointInSteps(
  parts: CheckpointParts,
  compute: Compute,
): Generator<undefined, BuiltCheckpoint> {
  const { volumeId, pageSize, pageCount, recordHash, previous, plan } = parts;
  const writer = new BlockWriter(parts, compute);
  for (const run of plan.runs) yield* writer.writeRun(run);
  for (const block of plan.copied) writer.copy(block);
  const refs = [...plan.kept, ...writer.refs].sort((a, b) => a.firstPage - b.firstPage);
  const root: CheckpointRoot = {
    volumeId,
    lsn: parts.change.lsn,
    recordHash,
    pageSize,
    pageCount,
    blocks: refs,
    shrinks: parts.shrinks.reduce(addToShrinkList, previous?.shrinks ?? []),
    segments: segmentsOf(parts, writer.segmentIds),
  };
  yield;
  const rootBytes = encodeCheckpointRoot(root, compute);
  return { root, rootBytes, blocks: writer.blocks, written: writer.written };
}

class BlockWriter {
  readonly blocks: Uint8Array[] = [];
  readonly refs: CheckpointBlockRef[] = [];
  readonly written = new Map<CheckpointBlockRef, readonly CheckpointEntry[]>();
  /** Named by entries of the blocks written here. */
  readonly segmentIds = new Set<string>();
  readonly #parts: CheckpointParts;
  readonly #compute: Compute;
  readonly #changed: readonly CheckpointEntry[];
  #offset = 0;

  constructor(parts: CheckpointParts, compute: Compute) {
    this.#parts = parts;
    this.#compute = compute;
    this.#changed = sortEntries(parts.entries);
  }

  *writeRun(run: CheckpointRun): Generator<undefined> {
    const { blockEntries, change, blockSizeTarget = BLOCK_SIZE_TARGET } = this.#parts;
    const old = run.blocks
      .flatMap(blockEntries)
      .map((entry) => entryWithin(entry, 0, change.lowestCount ?? 0xffff_ffff))
      .filter(isPresent)
      .map((entry) => entryWithout(entry, change.pageSet))
      .filter(isPresent);
    const all = sortEntries([...old, ...this.#changedWithin(run)]);
    for (const entries of packEntries(all, blockSizeTarget)) {
      this.#write(entries);
      yield;
    }
  }

  copy(block: CheckpointBlockRef): void {
    const bytes = this.#parts.blockBytes(block);
    invariant(bytes.length === block.size, "a block is copied as a whole");
    this.#append(bytes, block);
  }

  #changedWithin({ firstPage, lastPage }: CheckpointRun): readonly CheckpointEntry[] {
    return this.#changed
      .filter(({ pageSet }) => (pageSet.first ?? 0) <= lastPage && (pageSet.last ?? 0) >= firstPage)
      .map((entry) => entryWithin(entry, firstPage, lastPage))
      .filter(isPresent);
  }

  #write(entries: readonly CheckpointEntry[]): void {
    const { volumeId, pageSize, change } = this.#parts;
    const pages = entriesPageSet(entries);
    invariant(pages.first !== undefined && pages.last !== undefined, "a block has a page");
    const place = { firstPage: toPageIndex(pages.first), lastPage: toPageIndex(pages.last) };
    const context = { volumeId, lsn: change.lsn, pageSize, ...place };
    const bytes = encodeCheckpointBlock(entries, context, this.#compute);
    for (const { segmentId } of entries) this.segmentIds.add(segmentId);
    const hash = this.#compute.sha256(bytes);
    const ref = this.#append(bytes, { ...place, hash, newestLsn: newestLsnOf(entries) });
    this.written.set(ref, entries);
  }

  #append(
    bytes: Uint8Array,
    block: Pick<CheckpointBlockRef, "firstPage" | "lastPage" | "hash" | "newestLsn">,
  ): CheckpointBlockRef {
    const { firstPage, lastPage, hash, newestLsn } = block;
    const object = this.#parts.objectName;
    const place = { firstPage, lastPage, object, offset: this.#offset, size: bytes.length };
    const ref = { ...place, hash, ...(newestLsn === undefined ? {} : { newestLsn }) };
    this.refs.push(ref);
    this.blocks.push(bytes);
    this.#offset += bytes.length;
    return ref;
  }
}

/**
 * Every segment that an entry names, and unless all blocks were read perhaps some that none does.
 */
function segmentsOf(
  { previous, segments, untouchedSegments, plan }: CheckpointParts,
  written: ReadonlySet<string>,
): readonly CheckpointSegment[] {
  const isExact = plan.kept.length + plan.copied.length === 0 || untouchedSegments !== undefined;
  const known = new Map<string, CheckpointSegment>();
  for (const segment of [...(previous?.segments ?? []), ...segments]) {
    const isNamed = written.has(segment.segmentId) || untouchedSegments?.has(segment.segmentId);
    if (isNamed === true || !isExact) known.set(segment.segmentId, segment);
  }
  return [...known.values()].sort((a, b) => (a.segmentId < b.segmentId ? -1 : 1));
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}
