/** Checkpoints: roots, blocks, and the page map they give, against the log up to their LSN. */
import { equalBytes, isGraftError, type Lsn, type Page } from "@graft/core";
import {
  type CheckpointBlockRef,
  type CheckpointEntry,
  type CheckpointRoot,
  type CommitRecord,
  checkpointBlocksKey,
  checkpointRootKey,
  decodeCheckpointBlock,
  decodeCheckpointRoot,
  decodeFrame,
  framePageSet,
  segmentKey,
} from "@graft/format";
import { conditionOf } from "../../inspect/condition-of.ts";
import type { CheckContext } from "./check-context.ts";
import type { InlineDigests } from "./inline-digests.ts";
import { type FoldedLog, lsnText } from "./map-check.ts";
import type { SegmentChecker } from "./segment-checker.ts";

/** A commit record, as far as a checkpoint at its LSN must agree with it. */
export interface RecordAtCheckpoint {
  /** Undefined: damaged. */
  readonly hash: Uint8Array | undefined;
  /** Undefined: damaged. */
  readonly record: CommitRecord | undefined;
}

export interface CheckpointCheckerParts {
  readonly context: CheckContext;
  readonly segments: SegmentChecker;
  readonly log: FoldedLog;
  readonly inline: InlineDigests;
  /** Bytes by name, as listed. */
  readonly blockObjects: ReadonlyMap<string, number>;
}

export class CheckpointChecker {
  /** Objects with blocks that a root names. */
  readonly named: Set<string> = new Set();
  /** Hashes of the roots that were read: records name them. */
  readonly #rootHashes = new Map<Lsn, Uint8Array>();
  readonly #parts: CheckpointCheckerParts;

  constructor(parts: CheckpointCheckerParts) {
    this.#parts = parts;
  }

  /**
   * Checks the checkpoint at an LSN; when the log is not known, its map becomes known by it.
   *
   * @returns its root; undefined when it is damaged
   */
  async check(lsn: Lsn, at: RecordAtCheckpoint | undefined): Promise<CheckpointRoot | undefined> {
    const { context } = this.#parts;
    const key = checkpointRootKey(context.volumeId, lsn);
    const bytes = (await context.get(key))?.bytes;
    if (bytes === undefined) {
      context.damage(key, "listed, and then not there");
      return undefined;
    }
    this.#rootHashes.set(lsn, context.compute.sha256(bytes));
    const root = this.#decode(key, bytes, lsn);
    if (root === undefined) return undefined;
    for (const fault of rootFaults(root, at)) context.damage(key, fault);
    await this.#checkMap(key, root);
    return root;
  }

  /** What is wrong with the checkpoint that a record names, as a sentence. */
  referenceFault(record: CommitRecord): string | undefined {
    const { checkpoint } = record;
    if (checkpoint === undefined) return undefined;
    const hash = this.#rootHashes.get(checkpoint.lsn);
    const name = `the checkpoint at LSN ${checkpoint.lsn}, which it names,`;
    if (hash === undefined) return `${name} is missing`;
    return equalBytes(hash, checkpoint.hash) ? undefined : `${name} has another hash`;
  }

  #decode(key: string, bytes: Uint8Array, lsn: Lsn): CheckpointRoot | undefined {
    const { compute, volumeId } = this.#parts.context;
    try {
      return decodeCheckpointRoot(bytes, compute, { objectName: key, volumeId, lsn });
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      this.#parts.context.damage(key, conditionOf(error));
      return undefined;
    }
  }

  async #checkMap(key: string, root: CheckpointRoot): Promise<void> {
    const { context, log } = this.#parts;
    const isSeed = !log.isComplete;
    for (const { segmentId, ownerVolumeId } of root.segments) {
      if (ownerVolumeId === undefined) this.#parts.segments.named.add(segmentId);
    }
    if (isSeed) log.owners.clear();
    let [pageCount, isWhole] = [0, true];
    for (const block of root.blocks) {
      const entries = await this.#readBlock(key, block, root);
      isWhole &&= entries !== undefined;
      for (const entry of entries ?? []) {
        pageCount += entry.pageSet.cardinality;
        await this.#checkEntry(key, entry, root);
        if (isSeed) log.owners.add(Number(entry.lsn), entry.pageSet);
      }
      if (!isSeed) this.#compareBlock(block, entries ?? []);
    }
    if (isSeed) {
      if (isWhole) log.startAt(root.pageCount, root.shrinks);
      return;
    }
    if (isWhole && pageCount !== log.owners.count) {
      context.damage(key, `its map has ${pageCount} pages; the log wrote ${log.owners.count}`);
    }
    const fault = log.shrinkFault(root.shrinks, undefined);
    if (fault !== undefined) context.damage(key, fault);
  }

  async #readBlock(
    rootKey: string,
    block: CheckpointBlockRef,
    root: CheckpointRoot,
  ): Promise<readonly CheckpointEntry[] | undefined> {
    const { context, blockObjects } = this.#parts;
    const key = checkpointBlocksKey(context.volumeId, block.object);
    const { offset, size, firstPage, lastPage } = block;
    const place = nameOf(block);
    this.named.add(block.object);
    const objectSize = blockObjects.get(block.object);
    if (objectSize === undefined || offset + size > objectSize) {
      const actual = objectSize === undefined ? "missing" : `it has ${objectSize} bytes`;
      context.damage(key, `${place}, which ${rootKey} names: ${actual}`);
      return undefined;
    }
    const bytes = (await context.get(key, { offset, size }))?.bytes ?? new Uint8Array();
    const { volumeId, lsn, pageSize } = root;
    const expected = { volumeId, lsn, pageSize, firstPage, lastPage, objectName: key };
    try {
      return decodeCheckpointBlock(bytes, block, expected, context.compute);
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      context.damage(key, `${place}: ${conditionOf(error)}`);
      return undefined;
    }
  }

  /** The segment of an entry must be among the root's, and hold the frame as it says. */
  async #checkEntry(rootKey: string, entry: CheckpointEntry, root: CheckpointRoot): Promise<void> {
    const { segmentId, ownerVolumeId, pageSet, frame } = entry;
    const listed = root.segments.find(
      (one) => one.segmentId === segmentId && one.ownerVolumeId === ownerVolumeId,
    );
    if (listed === undefined) {
      const which = `segment ${segmentId}, which an entry names`;
      return this.#parts.context.damage(rootKey, `${which}, is not among its segments`);
    }
    const ref = { segmentId, pageSet, size: listed.size, frames: [frame] };
    const isUsable = await this.#parts.segments.check({
      ref: ownerVolumeId === undefined ? ref : { ...ref, ownerVolumeId },
      namedBy: rootKey,
    });
    if (isUsable) await this.#compareMoved(rootKey, entry, root);
  }

  /** Pages that records carried inline must have been moved as they were. */
  async #compareMoved(
    rootKey: string,
    entry: CheckpointEntry,
    { volumeId, pageSize }: CheckpointRoot,
  ): Promise<void> {
    const { context, inline, log } = this.#parts;
    const { lsn, frame } = entry;
    if (context.isQuick || !inline.isNew(entry)) return;
    // What the log says otherwise is told of already.
    if (!log.isComplete || log.owners.firstOther(Number(lsn), entry.pageSet) !== undefined) return;
    const objectName = segmentKey(entry.ownerVolumeId ?? volumeId, entry.segmentId);
    const load = async (): Promise<readonly Page[]> => {
      const stored = await context.get(objectName, { offset: frame.offset, size: frame.size });
      const data = stored?.bytes ?? new Uint8Array();
      const pageSet = framePageSet(entry, frame);
      return await decodeFrame(
        { codec: frame.codec, hash: frame.hash, pageSet, data },
        { volumeId: entry.ownerVolumeId ?? volumeId, pageSize, objectName },
        context.compute,
      );
    };
    try {
      const page = await inline.firstOther(entry, load);
      if (page === undefined) return;
      const which = `page ${page}, which ${rootKey} moved there from LSN ${lsn}`;
      context.damage(
        objectName,
        `at offset ${frame.offset}: ${which}, is not what that commit wrote`,
      );
    } catch (error) {
      // The frame itself is damaged: that was told when its segment was read.
      if (!isGraftError(error, "corrupt")) throw error;
    }
  }

  /** One finding a block: where it and the log first differ. */
  #compareBlock(block: CheckpointBlockRef, entries: readonly CheckpointEntry[]): void {
    const { context, log } = this.#parts;
    for (const { lsn, pageSet } of entries) {
      const other = log.owners.firstOther(Number(lsn), pageSet);
      if (other === undefined) continue;
      const key = checkpointBlocksKey(context.volumeId, block.object);
      const said = `says that LSN ${lsn} wrote page ${other.page} last`;
      context.damage(key, `${nameOf(block)} ${said}; the log says ${lsnText(other.lsn)}`);
      return;
    }
  }
}

function nameOf({ firstPage, lastPage, offset }: CheckpointBlockRef): string {
  return `block of pages ${firstPage} … ${lastPage} at offset ${offset}`;
}

function* rootFaults(root: CheckpointRoot, at: RecordAtCheckpoint | undefined): Generator<string> {
  if (at === undefined) return;
  if (at.hash !== undefined && !equalBytes(root.recordHash, at.hash)) {
    yield `its record hash is not that of the record at LSN ${root.lsn}`;
  }
  const { record } = at;
  if (record === undefined) return;
  if (root.pageCount !== record.pageCount) {
    yield `expected page count ${record.pageCount}, as the record has, got ${root.pageCount}`;
  }
  if (root.pageSize !== record.pageSize) {
    yield `expected page size ${record.pageSize}, as the record has, got ${root.pageSize}`;
  }
}
