/**
 * Roots and blocks of checkpoints: read once, verified against the hash that names them, kept
 * within bounds. A root is named by a commit record, a block by its root, so that nothing is
 * served that a commit does not vouch for.
 */
import {
  Coalescer,
  type Compute,
  equalBytes,
  GraftError,
  type Lsn,
  mapConcurrent,
  type VolumeId,
} from "@graft/core";
import {
  type BuiltCheckpoint,
  type CheckpointBlockRef,
  type CheckpointEntry,
  type CheckpointRef,
  type CheckpointRoot,
  checkpointBlocksKey,
  checkpointRootKey,
  decodeCheckpointBlock,
  decodeCheckpointRoot,
} from "@graft/format";
import type { ObjectReader } from "./checkpoint-objects.ts";
import { SizedCache } from "./sized-cache.ts";

/** Blocks read side by side for one call. */
const BLOCK_CONCURRENCY = 8;
/**
 * Stored bytes kept: decoded, a block takes about six times as many, so 24 MiB of a server's 300.
 * A root that is larger alone is not kept.
 */
const ROOTS_SIZE_MAX: number = 4 * 1024 * 1024;
const BLOCKS_SIZE_MAX: number = 4 * 1024 * 1024;

/** A root, with the hash that names it. */
export interface StoredRoot {
  readonly root: CheckpointRoot;
  /** SHA-256 of the stored bytes: what a commit that names the checkpoint says. */
  readonly hash: Uint8Array;
}

/** Reads checkpoints. */
export class CheckpointReader {
  readonly #objects: ObjectReader;
  readonly #compute: Compute;
  readonly #roots = new SizedCache<string, StoredRoot>(ROOTS_SIZE_MAX);
  readonly #blocks = new SizedCache<string, readonly CheckpointEntry[]>(BLOCKS_SIZE_MAX);
  readonly #rootFlights = new Coalescer<string, StoredRoot | undefined>();
  readonly #blockFlights = new Coalescer<string, readonly CheckpointEntry[]>();

  constructor(options: { readonly objects: ObjectReader; readonly compute: Compute }) {
    this.#objects = options.objects;
    this.#compute = options.compute;
  }

  /** The root that a commit names. @throws GraftError `corrupt` when it is missing or another */
  async root(
    volumeId: VolumeId,
    ref: CheckpointRef,
    signal: AbortSignal | undefined,
  ): Promise<CheckpointRoot> {
    const stored = await this.findRoot(volumeId, ref.lsn, signal);
    const key = checkpointRootKey(volumeId, ref.lsn);
    if (stored === undefined) throw corrupt(key, "it is missing, though a commit names it");
    if (equalBytes(stored.hash, ref.hash)) return stored.root;
    throw corrupt(key, "it is not the one that a commit names");
  }

  /**
   * The root at an LSN, whoever wrote it; undefined when there is none. @throws GraftError
   * `corrupt`
   */
  async findRoot(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<StoredRoot | undefined> {
    const key = checkpointRootKey(volumeId, lsn);
    const read = async (flight: AbortSignal): Promise<StoredRoot | undefined> => {
      const bytes = (await this.#objects.get(key, { signal: flight }))?.bytes;
      if (bytes === undefined) return undefined;
      const root = decodeCheckpointRoot(bytes, this.#compute, { objectName: key, volumeId, lsn });
      const stored = { root, hash: this.#compute.sha256(bytes) };
      this.#roots.set(key, stored, bytes.length);
      return stored;
    };
    return this.#roots.get(key) ?? (await this.#rootFlights.run(key, read, signal));
  }

  /** Holds a checkpoint that was just stored: it need not be read to be known. */
  hold({ root, rootBytes, written }: BuiltCheckpoint): void {
    const stored = { root, hash: this.#compute.sha256(rootBytes) };
    this.#roots.set(checkpointRootKey(root.volumeId, root.lsn), stored, rootBytes.length);
    for (const [block, entries] of written)
      this.#blocks.set(keyOf(root, block), entries, block.size);
  }

  /** The entries of some blocks of a root, in their order. @throws GraftError `corrupt` */
  async entries(
    root: CheckpointRoot,
    blocks: readonly CheckpointBlockRef[],
    signal: AbortSignal | undefined,
  ): Promise<readonly CheckpointEntry[]> {
    const options = { concurrency: BLOCK_CONCURRENCY, signal };
    const read = await mapConcurrent(blocks, options, (block, _, each) =>
      this.blockEntries(root, block, each),
    );
    return read.flat();
  }

  /** The entries of one block. @throws GraftError `corrupt` */
  async blockEntries(
    root: CheckpointRoot,
    block: CheckpointBlockRef,
    signal: AbortSignal | undefined,
  ): Promise<readonly CheckpointEntry[]> {
    const key = keyOf(root, block);
    const read = async (flight: AbortSignal): Promise<readonly CheckpointEntry[]> => {
      const bytes = await this.blockBytes(root, block, flight);
      const objectName = checkpointBlocksKey(root.volumeId, block.object);
      const { firstPage, lastPage } = block;
      const context = { ...root, firstPage, lastPage, objectName };
      const entries = decodeCheckpointBlock(bytes, block, context, this.#compute);
      this.#blocks.set(key, entries, bytes.length);
      return entries;
    };
    return this.#blocks.get(key) ?? (await this.#blockFlights.run(key, read, signal));
  }

  /**
   * The stored bytes of one block, which the root's hash is right for. @throws GraftError `corrupt`
   */
  async blockBytes(
    root: CheckpointRoot,
    block: CheckpointBlockRef,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const key = checkpointBlocksKey(root.volumeId, block.object);
    const range = { offset: block.offset, size: block.size };
    const bytes = (await this.#objects.get(key, { range, signal }))?.bytes;
    if (bytes === undefined) throw corrupt(key, "it is missing, though a checkpoint names it");
    if (equalBytes(this.#compute.sha256(bytes), block.hash)) return bytes;
    throw corrupt(key, "a block is not the one that its root names");
  }
}

function keyOf(root: CheckpointRoot, block: CheckpointBlockRef): string {
  return `${checkpointBlocksKey(root.volumeId, block.object)}+${block.offset}`;
}

function corrupt(objectKey: string, what: string): GraftError {
  return new GraftError("corrupt", `${objectKey}: ${what}`, { details: { object: objectKey } });
}
