/**
 * The map of a volume at a commit: the commit's tail index and the checkpoint it names say where
 * every page is, and when it was written last. So a pull costs what changed, and a new record's
 * tail index what its parent's takes; the log is walked only below records that have none.
 */
import type { CatalogCommit, CheckpointReader } from "@graft/catalog";
import {
  invariant,
  LSN_FIRST,
  type Lsn,
  MutablePageSet,
  mapConcurrent,
  type PageSet,
  toLsn,
  unionInto,
  type VolumeId,
} from "@graft/core";
import {
  blocksChangedSince,
  type CheckpointRoot,
  changedSince,
  commitPageSet,
  type NextRecord,
  nextTailIndex,
  type TailFields,
  type TailRecord,
} from "@graft/format";
import { present } from "@graft/rpc";
import type { CatalogUpdater } from "./catalog-updater.ts";

/** Records read at a time on a walk down the log. */
const WALK_COUNT = 64n;
/** Checkpoint blocks read side by side. */
const BLOCK_CONCURRENCY = 8;

/** Answers by record and checkpoint. */
export class VolumeMaps {
  readonly #commits: CatalogUpdater;
  readonly #checkpoints: CheckpointReader;

  constructor(parts: { readonly commits: CatalogUpdater; readonly checkpoints: CheckpointReader }) {
    this.#commits = parts.commits;
    this.#checkpoints = parts.checkpoints;
  }

  /** The tail index of a record to be committed on a parent, and the checkpoint it goes with. */
  async nextFields(
    volumeId: VolumeId,
    next: NextRecord,
    parent: CatalogCommit | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TailFields> {
    const records: TailRecord[] = parent === undefined ? [] : [parent.record];
    while (true) {
      const fields = nextTailIndex(next, records);
      if (fields !== undefined) return fields;
      records.push(...(await this.#below(volumeId, records.at(-1)?.lsn ?? next.lsn, signal)));
    }
  }

  /** The tail index of a commit: its own, or what it would be where the record has none. */
  async fieldsOf({ record }: CatalogCommit, signal: AbortSignal | undefined): Promise<TailFields> {
    const { tailIndex, checkpoint, volumeId, lsn, pageCount, lowPageCount } = record;
    if (tailIndex !== undefined) return present({ tailIndex, checkpoint });
    const pageSet = commitPageSet(record);
    const next = present({ lsn, pageSet, pageCount, lowPageCount, checkpoint });
    const below = lsn === LSN_FIRST ? undefined : toLsn(lsn - 1n);
    const parent = below && (await this.#commits.must(volumeId, below, signal));
    return await this.nextFields(volumeId, next, parent, signal);
  }

  /**
   * The pages that changed after an LSN, up to a commit.
   *
   * @param since undefined: since the beginning
   * @throws GraftError `corrupt` when what is named is missing or damaged
   */
  async changedSince(
    since: Lsn | undefined,
    commit: CatalogCommit,
    signal: AbortSignal | undefined,
  ): Promise<PageSet> {
    const { checkpoint, tailIndex } = await this.fieldsOf(commit, signal);
    const record = { ...commit.record, tailIndex };
    if (checkpoint === undefined || checkpoint.lsn <= (since ?? 0n)) {
      return changedSince(since, record);
    }
    const root = await this.#checkpoints.root(record.volumeId, checkpoint, signal);
    const pageSet = await this.#writtenSince(since, root, signal);
    const { shrinks, lsn } = root;
    return changedSince(since, record, { shrinks, entries: [{ lsn, pageSet }] });
  }

  /**
   * The segments that hold pages of the volume at a commit: those that the record, its tail index
   * and its checkpoint name, whatever this node remembers of the log.
   *
   * @throws GraftError `corrupt` when what is named is missing or damaged
   */
  async segmentsAt(
    commit: CatalogCommit,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlySet<string>> {
    const { checkpoint, tailIndex } = await this.fieldsOf(commit, signal);
    const { volumeId, segments } = commit.record;
    const refs = [...segments, ...tailIndex.commits.flatMap((tail) => tail.segments)];
    const root = checkpoint && (await this.#checkpoints.root(volumeId, checkpoint, signal));
    return new Set([...refs, ...(root?.segments ?? [])].map(({ segmentId }) => segmentId));
  }

  /** Block by block: memory holds the set, not the blocks. */
  async #writtenSince(
    since: Lsn | undefined,
    root: CheckpointRoot,
    signal: AbortSignal | undefined,
  ): Promise<PageSet> {
    const written = new MutablePageSet();
    const options = { concurrency: BLOCK_CONCURRENCY, signal };
    await mapConcurrent(blocksChangedSince(root, since), options, async (block, _, each) => {
      for (const { lsn, pageSet } of await this.#checkpoints.blockEntries(root, block, each)) {
        if (lsn > (since ?? 0n)) unionInto(written, pageSet);
      }
    });
    return written;
  }

  /** Records below an LSN, newest first, without the data of their inline pages. */
  async #below(
    volumeId: VolumeId,
    above: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<readonly TailRecord[]> {
    invariant(above > LSN_FIRST, "a walk ends at LSN 1");
    const end = toLsn(above - 1n);
    const start = end > WALK_COUNT ? toLsn(end - WALK_COUNT + 1n) : LSN_FIRST;
    const records: TailRecord[] = [];
    for await (const { record } of this.#commits.range(volumeId, { start, end }, signal)) {
      const inlineFrames = record.inlineFrames.map(({ pageSet }) => ({ pageSet }));
      records.unshift({ ...record, inlineFrames });
    }
    return records;
  }
}
