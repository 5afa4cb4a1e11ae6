/**
 * Frames on a local disk, as they are stored, across restarts.
 *
 *     put ──▶ pending (memory, ≤ 16 MiB) ──a batch, or 30 s──▶ slab on disk ──▶ see slab-index.ts
 *                └── full, or the disk just failed: dropped
 *
 * Disposable: it may forget anything at any moment, and so may whoever deletes its files. Its
 * failures are never the caller's: a frame that cannot be read is a miss, one that cannot be
 * written is dropped. What it gives is unverified: decode it, which verifies its hash, and `drop`
 * it when that fails.
 */
import {
  type Clock,
  type Compute,
  type FileLock,
  type FileSystem,
  FRAME_SIZE_MAX,
  GraftError,
  isGraftError,
  KeyedLimiter,
  Supervisor,
} from "@graft/core";
import type { FrameCodec } from "@graft/format";
import type { Log } from "@graft/rpc";
import {
  encodeSlab,
  SLAB_FRAME_COUNT_MAX,
  SLAB_KEY_SIZE_MAX,
  type SlabFrame,
  type SlabQueue,
} from "./frame-slab.ts";
import type { Slab, SlabIndex } from "./slab-index.ts";
import { slabPath } from "./slab-path.ts";

/** Bytes of a slab: one flush for some 100 frames, and one file to move frames out of. */
const BATCH_SIZE: number = 4 * 1024 * 1024;
/** A slab is at most this part of the cache: evicting one must not empty it. */
const BATCH_SHARE = 1 / 16;
/** How long frames wait for others to fill a slab: what kill -9 may cost. */
const BATCH_AGE_MAX_MS = 30_000;
/** How often the writer looks; at 100 MB/s of new frames 10 MB come in between. */
const WRITE_INTERVAL_MS = 100;
/** Bytes and frames in memory, waiting to be written. */
const PENDING_SIZE_MAX: number = 16 * 1024 * 1024;
const PENDING_COUNT_MAX = 8192;
/** After a failed write nothing is taken for so long: a full disk is not asked all the time. */
const PAUSE_MS = 10_000;
/** Reads under way: with ≤ 256 KiB each, 4 MiB. */
const READ_CONCURRENCY = 16;

/** A frame as it is stored. */
export interface StoredFrame {
  readonly codec: FrameCodec;
  /** Not to be written to. */
  readonly data: Uint8Array;
}

export interface DiskFrameCacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Entries that were not what their name says. */
  readonly corrupt: number;
  /** Frames that were offered and not kept, because the disk was behind or had failed. */
  readonly dropped: number;
  /** Reads, writes and deletions that failed. */
  readonly failures: number;
  readonly frames: number;
  /** Of all files. */
  readonly bytes: number;
}

export interface DiskFrameCacheParts {
  readonly directory: string;
  readonly sizeMax: number;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly compute: Compute;
  readonly log: Log;
  readonly index: SlabIndex;
  /** Held until the cache is disposed. */
  readonly lock: FileLock;
  /** The number of the next slab. */
  readonly sequence: number;
}

interface PendingFrame extends SlabFrame {
  readonly queue: SlabQueue;
  readonly sinceMs: number;
  isWanted: boolean;
}

/** Made by `openDiskFrameCache`. Disposing it writes what is pending. */
export class DiskFrameCache implements AsyncDisposable {
  readonly #parts: DiskFrameCacheParts;
  readonly #index: SlabIndex;
  readonly #batchSize: number;
  readonly #pending = new Map<string, PendingFrame>();
  readonly #reads = new KeyedLimiter<"read">(READ_CONCURRENCY);
  readonly #background: Supervisor;
  #sequence: number;
  #pendingSize = 0;
  #isWriting = false;
  #isFailing = false;
  #isClosed = false;
  #pausedUntilMs = 0;
  #hits = 0;
  #misses = 0;
  #corrupt = 0;
  #dropped = 0;
  #failures = 0;

  constructor(parts: DiskFrameCacheParts) {
    this.#parts = parts;
    this.#index = parts.index;
    this.#sequence = parts.sequence;
    this.#batchSize = Math.min(BATCH_SIZE, Math.floor(parts.sizeMax * BATCH_SHARE));
    this.#background = new Supervisor(({ task, error }) => {
      // Failures of the disk end in `#attempt`; this one is broken code, and nothing more is taken.
      parts.log.error({ error: String(error) }, `${task} failed: the disk cache writes no more`);
      this.#pausedUntilMs = Number.POSITIVE_INFINITY;
    });
  }

  /** Whether it is worth to `get` the frame; false counts as a miss. */
  has(key: string): boolean {
    const isThere = this.#pending.has(key) || this.#index.get(key) !== undefined;
    if (!isThere) this.#misses++;
    return isThere;
  }

  /** The frame, not verified; undefined when it is not there, or cannot be read. */
  async get(key: string): Promise<StoredFrame | undefined> {
    this.touch(key);
    const found = this.#pending.get(key) ?? (await this.#read(key));
    if (found === undefined) this.#misses++;
    else this.#hits++;
    return found;
  }

  /** The frame was of use, here or in memory: it is worth keeping. */
  touch(key: string): void {
    const frame = this.#pending.get(key) ?? this.#index.get(key);
    if (frame !== undefined) frame.isWanted = true;
  }

  /** Offers a verified frame. Copied; never waits. */
  put(key: string, { codec, data }: StoredFrame): void {
    if (this.#pending.has(key) || this.#index.get(key) !== undefined) return;
    const isLarge = data.length > FRAME_SIZE_MAX || key.length > SLAB_KEY_SIZE_MAX;
    const isPaused = this.#isClosed || this.#parts.clock.monotonicMs() < this.#pausedUntilMs;
    if (isLarge || isPaused || !this.#hasRoomFor(data)) {
      this.#dropped++;
      return;
    }
    const queue = this.#index.isRemembered(key) ? "kept" : "fresh";
    this.#hold({ key, codec, data: data.slice() }, queue);
    if (this.#isWriting) return;
    this.#isWriting = this.#background.start("writing frames to disk", (signal) =>
      this.#writeWhilePending(signal),
    );
  }

  /** The frame was not what its name says: it is forgotten, and may be put again. */
  drop(key: string): void {
    this.#corrupt++;
    this.#parts.log.warn({ frame: key }, "a frame of the disk cache is corrupt: dropped");
    this.#release(key);
    this.#index.drop(key);
  }

  stats(): DiskFrameCacheStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      corrupt: this.#corrupt,
      dropped: this.#dropped,
      failures: this.#failures,
      frames: this.#index.frameCount,
      bytes: this.#index.totals.size,
    };
  }

  /** Writes what is pending, however little, and lets go of the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#background[Symbol.asyncDispose]();
    await this.#writeBatches(true);
    this.#parts.lock.close();
  }

  async #read(key: string): Promise<StoredFrame | undefined> {
    const place = this.#index.get(key);
    if (place === undefined) return undefined;
    const { codec, offset, size, slab } = place;
    const read = (): Promise<Uint8Array | undefined> =>
      this.#parts.fileSystem.readWhole(this.#path(slab.sequence), { offset, size });
    const data = await this.#attempt("read", () => this.#reads.run("read", read));
    if (data?.length === size) return { codec, data };
    // Evicted meanwhile, or somebody deleted or cut the file.
    if (this.#index.get(key) === place) this.#index.drop(key);
    return undefined;
  }

  async #writeWhilePending(signal: AbortSignal): Promise<void> {
    try {
      while (this.#pending.size > 0) {
        await this.#parts.clock.sleep(WRITE_INTERVAL_MS, signal);
        await this.#writeBatches(false);
      }
    } finally {
      this.#isWriting = false;
    }
  }

  /** Writes all batches that are due; at the end of its life, all there is. */
  async #writeBatches(isLast: boolean): Promise<void> {
    for (const queue of ["kept", "fresh", "kept"] as const) {
      while (true) {
        const batch = this.#dueBatch(queue, isLast);
        if (batch.length === 0) break;
        const isWritten = await this.#attempt("write", () => this.#write(queue, batch));
        for (const frame of batch) {
          if (this.#pending.get(frame.key) === frame) this.#release(frame.key);
        }
        if (isWritten !== undefined) continue;
        this.#dropped += batch.length;
        this.#pausedUntilMs = this.#parts.clock.monotonicMs() + PAUSE_MS;
      }
    }
  }

  /** The oldest pending frames of a queue, when they fill a slab or waited long enough. */
  #dueBatch(queue: SlabQueue, isLast: boolean): readonly PendingFrame[] {
    const batch: PendingFrame[] = [];
    const dueMs = this.#parts.clock.monotonicMs() - BATCH_AGE_MAX_MS;
    let size = 0;
    for (const frame of this.#pending.values()) {
      if (frame.queue !== queue) continue;
      const isFull =
        batch.length === SLAB_FRAME_COUNT_MAX || size + frame.data.length > this.#batchSize;
      if (isFull && batch.length > 0) return batch;
      batch.push(frame);
      size += frame.data.length;
    }
    const isDue = isLast || (batch[0] !== undefined && batch[0].sinceMs <= dueMs);
    return isDue ? batch : [];
  }

  async #write(queue: SlabQueue, batch: readonly PendingFrame[]): Promise<true> {
    const { fileSystem, compute, sizeMax } = this.#parts;
    const { head, parts } = encodeSlab(queue, batch, compute);
    // Larger than the whole cache: nothing needs to go for it.
    if (head.size > sizeMax) return true;
    while (true) {
      const victim = this.#index.victimFor(head.size, batch.length);
      if (victim === undefined) break;
      await this.#evict(victim);
    }
    const sequence = this.#sequence++;
    const path = this.#path(sequence);
    if (!(await fileSystem.writeWhole(path, parts, "create-only"))) {
      throw new GraftError("busy", `"${path}" is there: another process uses this directory`);
    }
    this.#isFailing = false;
    const wanted = batch.filter(({ isWanted }) => isWanted).map(({ key }) => key);
    this.#index.add(sequence, head, new Set(wanted));
    return true;
  }

  /** Takes a slab away; its wanted frames wait to be written again. */
  async #evict(slab: Slab): Promise<void> {
    const { fileSystem } = this.#parts;
    const path = this.#path(slab.sequence);
    const survivors = this.#index.survivorsOf(slab);
    const bytes =
      survivors.size === 0
        ? undefined
        : await this.#attempt("read", () => fileSystem.readWhole(path));
    this.#index.remove(slab);
    await this.#attempt("remove", () => fileSystem.removeWhole(path));
    for (const [key, { codec, offset, size }] of survivors) {
      const data = bytes?.slice(offset, offset + size);
      if (data?.length !== size || this.#pending.has(key) || !this.#hasRoomFor(data)) continue;
      this.#hold({ key, codec, data }, "kept");
    }
  }

  #hasRoomFor(data: Uint8Array): boolean {
    const size = this.#pendingSize + data.length;
    return size <= PENDING_SIZE_MAX && this.#pending.size < PENDING_COUNT_MAX;
  }

  #hold(frame: SlabFrame, queue: SlabQueue): void {
    const sinceMs = this.#parts.clock.monotonicMs();
    this.#pending.set(frame.key, { ...frame, queue, sinceMs, isWanted: false });
    this.#pendingSize += frame.data.length;
  }

  #release(key: string): void {
    this.#pendingSize -= this.#pending.get(key)?.data.length ?? 0;
    this.#pending.delete(key);
  }

  /** Undefined when the disk fails, which is counted, and logged when it begins. */
  async #attempt<T>(action: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isGraftError(error)) throw error;
      this.#failures++;
      const facts = { directory: this.#parts.directory, error: error.message };
      if (!this.#isFailing) this.#parts.log.warn(facts, `the disk cache cannot ${action}`);
      this.#isFailing = true;
      return undefined;
    }
  }

  #path(sequence: number): string {
    return slabPath(this.#parts.directory, sequence);
  }
}
