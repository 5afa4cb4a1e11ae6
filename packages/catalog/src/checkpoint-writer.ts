/**
 * Writes the checkpoint of a volume at one commit.
 *
 *     live inline pages → segments ─┐
 *     frame indexes of segments ────┼─▶ blocks (new object) ─▶ root (create-only): it exists
 *     blocks of the previous one ───┘
 *
 * Every object before the root has a fresh name, and nobody reads it until a root or a commit names
 * it: killed at any point, or overtaken, what was written is garbage and nothing else.
 */
import {
  type Clock,
  type Compute,
  equalBytes,
  GraftError,
  inTurn,
  intersects,
  invariant,
  type Lsn,
  mapConcurrent,
  type Random,
  randomBytes,
  takeWholeTurn,
  type VolumeId,
} from "@graft/core";
import {
  type BuiltCheckpoint,
  buildCheckpointInSteps,
  CHECKPOINT_NONCE_SIZE,
  type CheckpointBlockRef,
  type CheckpointEntry,
  type CheckpointPlan,
  type CheckpointRef,
  type CheckpointRoot,
  checkpointBlocksKey,
  checkpointBlocksName,
  checkpointRootKey,
  commitPageSet,
  decodeFrame,
  entriesOfSegment,
  entriesPageSet,
  logKey,
  lowestCountSince,
  planCheckpoint,
  type SegmentRef,
  segmentOwner,
  type TailCommit,
  type TailFields,
  takePages,
} from "@graft/format";
import { decodeCatalogCommit, hasFrameData } from "./catalog-commit.ts";
import type { CheckpointObjects } from "./checkpoint-objects.ts";
import type { CheckpointReader } from "./checkpoint-reader.ts";
import { type LivePage, moveInlinePages } from "./move-inline-pages.ts";
import { mustHoldPages, readFooter } from "./read-footer.ts";
import type { CatalogCommit } from "./volume-catalog.ts";

/** Objects read side by side. */
const READ_CONCURRENCY = 16;
/** Blocks read side by side: taking one apart takes some ms, and they come together. */
const BLOCK_CONCURRENCY = 4;

/** What a checkpoint is written with. */
export interface CheckpointWriterMeans {
  readonly objects: CheckpointObjects;
  readonly reader: CheckpointReader;
  readonly compute: Compute;
  readonly clock: Clock;
  readonly random: Random;
  /** A commit that is at hand: it is not read again. */
  readonly heldCommit?: (volumeId: VolumeId, lsn: Lsn) => CatalogCommit | undefined;
}

/** Writes checkpoints. It keeps nothing. */
export class CheckpointWriter {
  readonly #means: CheckpointWriterMeans;

  constructor(means: CheckpointWriterMeans) {
    this.#means = means;
  }

  /**
   * Writes the checkpoint at a commit, or finds the one that another node wrote there first.
   *
   * @param commit from stored bytes
   * @param fields the commit's checkpoint and tail index, or where it has none what it would have:
   *   see `nextTailIndex`
   * @returns what later commits name
   * @throws GraftError `unavailable`, or `corrupt` when what is to be kept is damaged
   */
  async write(
    commit: CatalogCommit,
    fields: TailFields,
    signal: AbortSignal | undefined,
  ): Promise<CheckpointRef> {
    const { compute, objects, random, reader, clock } = this.#means;
    const { volumeId, lsn, pageSize, pageCount } = commit.record;
    const { checkpoint, tailIndex } = fields;
    const previous = checkpoint && (await reader.root(volumeId, checkpoint, signal));
    const found = await this.#changedEntries(commit, fields, signal);
    await takeWholeTurn(clock, signal);
    const pageSet = entriesPageSet(found.entries);
    const lowestCount = lowestCountSince(tailIndex.shrinks, undefined);
    const change = { lsn, pageSet, lowestCount };
    const plan = planCheckpoint(previous, change);
    const objectName = checkpointBlocksName(lsn, randomBytes(random, CHECKPOINT_NONCE_SIZE));
    const steps = buildCheckpointInSteps(
      {
        volumeId,
        pageSize,
        pageCount,
        recordHash: commit.hash,
        previous,
        change,
        plan,
        entries: found.entries,
        segments: found.segments.map((ref) => segmentOf(ref)),
        shrinks: tailIndex.shrinks,
        objectName,
        ...(await this.#readBlocks(previous, plan, signal)),
      },
      compute,
    );
    const built = await this.#finish(steps, signal);
    if (built.blocks.length > 0) {
      await objects.put(checkpointBlocksKey(volumeId, objectName), built.blocks, { signal });
    }
    const key = checkpointRootKey(volumeId, lsn);
    const outcome = await objects.create(key, built.rootBytes, { signal });
    if (outcome === "created") {
      reader.hold(built);
      return { lsn, hash: compute.sha256(built.rootBytes) };
    }
    return await this.#adopt(commit, signal);
  }

  /** Lets others in between: a node that writes a checkpoint goes on serving. */
  async #finish(
    steps: Generator<undefined, BuiltCheckpoint>,
    signal: AbortSignal | undefined,
  ): Promise<BuiltCheckpoint> {
    while (true) {
      const step = await inTurn(this.#means.clock, () => steps.next(), signal);
      if (step.done === true) return step.value;
    }
  }

  /** Another node was faster: its root is as good, and it is the one that is there. */
  async #adopt(
    { record, hash }: CatalogCommit,
    signal: AbortSignal | undefined,
  ): Promise<CheckpointRef> {
    const { volumeId, lsn } = record;
    const stored = await this.#means.reader.findRoot(volumeId, lsn, signal);
    const key = checkpointRootKey(volumeId, lsn);
    if (stored === undefined) {
      throw new GraftError("unavailable", `${key} exists and cannot be read`);
    }
    if (equalBytes(stored.root.recordHash, hash)) return { lsn, hash: stored.hash };
    throw corrupt(key, `it is of another record than the one at LSN ${lsn}`);
  }

  /** Where every page is that changed since the previous checkpoint. */
  async #changedEntries(
    commit: CatalogCommit,
    { tailIndex }: TailFields,
    signal: AbortSignal | undefined,
  ): Promise<{
    readonly entries: readonly CheckpointEntry[];
    readonly segments: readonly SegmentRef[];
  }> {
    const { volumeId, lsn, pageSize, segments, inlineFrames } = commit.record;
    const inlinePageSet = commitPageSet({ segments: [], inlineFrames });
    const commits: readonly TailCommit[] = [
      { lsn, segments, ...(inlinePageSet.isEmpty ? {} : { inlinePageSet }) },
      ...tailIndex.commits,
    ];
    const refs = commits.flatMap((one) => one.segments.map((ref) => ({ lsn: one.lsn, ref })));
    const options = { concurrency: READ_CONCURRENCY, signal };
    const indexed = await mapConcurrent(refs, options, async ({ lsn: at, ref }, _, each) =>
      entriesOfSegment(at, await this.#withFrames(commit, ref, each)),
    );
    const inline = commits.filter((one) => one.inlinePageSet !== undefined);
    const pages = await mapConcurrent(inline, options, (one, _, each) =>
      this.#inlinePages(commit, one, each),
    );
    const moved = await moveInlinePages(volumeId, pageSize, pages.flat(), this.#means, signal);
    return {
      entries: [...indexed.flat(), ...moved.entries],
      segments: [...refs.map(({ ref }) => ref), ...moved.segments],
    };
  }

  async #withFrames(
    { record }: CatalogCommit,
    ref: SegmentRef,
    signal: AbortSignal | undefined,
  ): Promise<SegmentRef> {
    if (ref.frames.length > 0) return ref;
    const { objects, compute } = this.#means;
    const owner = { volumeId: segmentOwner(ref, record.volumeId), pageSize: record.pageSize };
    const footer = await readFooter(objects, ref, owner, compute, signal);
    mustHoldPages(footer, ref, owner.volumeId);
    const part = takePages(footer, ref.pageSet, ref.ownerVolumeId);
    invariant(part !== undefined, "a reference names a page");
    return part;
  }

  /** Pages inside the record at one LSN that are still the newest. */
  async #inlinePages(
    head: CatalogCommit,
    { lsn, inlinePageSet }: TailCommit,
    signal: AbortSignal | undefined,
  ): Promise<readonly LivePage[]> {
    const { compute, objects, clock } = this.#means;
    const { volumeId, pageSize } = head.record;
    const objectName = logKey(volumeId, lsn);
    const held = lsn === head.record.lsn ? head : this.#means.heldCommit?.(volumeId, lsn);
    let frames = held?.record.inlineFrames.filter(hasFrameData) ?? [];
    if (held === undefined || frames.length !== held.record.inlineFrames.length) {
      const stored = await objects.get(objectName, { signal });
      if (stored === undefined)
        throw corrupt(objectName, "it is missing, though a commit names it");
      const { record } = decodeCatalogCommit(stored.bytes, { volumeId, lsn }, compute);
      frames = record.inlineFrames.filter(hasFrameData);
    }
    const live: LivePage[] = [];
    for (const frame of frames) {
      if (inlinePageSet === undefined || !intersects(frame.pageSet, inlinePageSet)) continue;
      const context = { volumeId, pageSize, objectName };
      const pages = await inTurn(clock, () => decodeFrame(frame, context, compute), signal);
      for (const page of pages) {
        if (inlinePageSet?.contains(page.index) === true) live.push({ ...page, lsn });
      }
    }
    if (live.length === inlinePageSet?.cardinality) return live;
    throw corrupt(objectName, "it does not hold a page that a later commit takes from it");
  }

  async #readBlocks(
    previous: CheckpointRoot | undefined,
    plan: CheckpointPlan,
    signal: AbortSignal | undefined,
  ): Promise<{
    readonly blockEntries: (block: CheckpointBlockRef) => readonly CheckpointEntry[];
    readonly blockBytes: (block: CheckpointBlockRef) => Uint8Array;
    readonly untouchedSegments: ReadonlySet<string> | undefined;
  }> {
    const entries = new Map<CheckpointBlockRef, readonly CheckpointEntry[]>();
    const bytes = new Map<CheckpointBlockRef, Uint8Array>();
    const segmentIds = new Set<string>();
    if (previous !== undefined) {
      const { reader } = this.#means;
      const options = { concurrency: BLOCK_CONCURRENCY, signal };
      const rewritten = plan.runs.flatMap((run) => run.blocks);
      await mapConcurrent(rewritten, options, async (block, _, each) => {
        entries.set(block, await reader.blockEntries(previous, block, each));
      });
      await mapConcurrent(plan.copied, options, async (block, _, each) => {
        bytes.set(block, await reader.blockBytes(previous, block, each));
      });
      const untouched = plan.isSweep ? [...plan.kept, ...plan.copied] : [];
      await mapConcurrent(untouched, options, async (block, _, each) => {
        for (const entry of await reader.blockEntries(previous, block, each)) {
          segmentIds.add(entry.segmentId);
        }
      });
    }
    return {
      blockEntries: (block) => mustHave(entries, block),
      blockBytes: (block) => mustHave(bytes, block),
      untouchedSegments: plan.isSweep ? segmentIds : undefined,
    };
  }
}

function segmentOf({ segmentId, ownerVolumeId, size }: SegmentRef): {
  readonly segmentId: SegmentRef["segmentId"];
  readonly ownerVolumeId?: VolumeId;
  readonly size: number;
} {
  return ownerVolumeId === undefined ? { segmentId, size } : { segmentId, ownerVolumeId, size };
}

function mustHave<Value>(
  values: ReadonlyMap<CheckpointBlockRef, Value>,
  block: CheckpointBlockRef,
): Value {
  const value = values.get(block);
  invariant(value !== undefined, "every block of the plan was read");
  return value;
}

function corrupt(objectKey: string, what: string): GraftError {
  return new GraftError("corrupt", `${objectKey}: ${what}`, { details: { object: objectKey } });
}
