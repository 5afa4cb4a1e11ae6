import { type Clock, type Compute, type FileSystem, isGraftError } from "@graft/core";
import type { Log } from "@graft/rpc";
import { DiskFrameCache } from "./disk-frame-cache.ts";
import { decodeSlabHead, SLAB_HEAD_SIZE_MAX } from "./frame-slab.ts";
import { SlabIndex } from "./slab-index.ts";
import { isTemporarySlab, parseSlabName, slabPath } from "./slab-path.ts";

/** Disk for frames unless told otherwise. */
export const DISK_CACHE_SIZE_DEFAULT: number = 1024 * 1024 * 1024;

/** Frames at most, so that the index stays within some 30 MiB of memory. */
const FRAME_COUNT_MAX = 131_072;
/** Slabs at most: a start reads the head of each. */
const SLAB_COUNT_MAX = 4096;

export interface DiskFrameCacheOptions {
  /** Made when it is missing. Frames take a folder of their own in it. */
  readonly directory: string;
  /** Bytes of all files. */
  readonly sizeMax: number;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly compute: Compute;
  readonly log: Log;
}

/**
 * Opens the disk cache of frames: takes its lock, and learns from the heads of its slabs what is
 * there. Damaged slabs are deleted, and the oldest ones when they are more than the bound.
 * Undefined, with a warning in the log, when another process has the directory or the disk refuses:
 * a server runs without it.
 */
export async function openDiskFrameCache(
  options: DiskFrameCacheOptions,
): Promise<DiskFrameCache | undefined> {
  const { fileSystem, log } = options;
  const directory = `${options.directory}/frames`;
  using undo = new DisposableStack();
  try {
    fileSystem.makeDirectory(directory);
    const lock = fileSystem.lock(`${directory}/lock`);
    if (lock === undefined) {
      log.warn({ directory }, "another process has the disk cache: running without it");
      return undefined;
    }
    undo.defer(() => lock.close());
    const { index, sequence } = await readSlabs(directory, options);
    const cache = new DiskFrameCache({ ...options, directory, lock, index, sequence });
    undo.move();
    const { size, frames } = index.totals;
    log.info({ directory, frames, bytes: size }, "frames are cached on disk");
    return cache;
  } catch (error) {
    if (!isGraftError(error)) throw error;
    log.warn({ directory, error: error.message }, "no disk cache: running without it");
    return undefined;
  }
}

async function readSlabs(
  directory: string,
  { fileSystem, compute, sizeMax }: DiskFrameCacheOptions,
): Promise<{ readonly index: SlabIndex; readonly sequence: number }> {
  const limits = { sizeMax, frameCountMax: FRAME_COUNT_MAX, slabCountMax: SLAB_COUNT_MAX };
  const index = new SlabIndex(limits);
  let last = 0;
  // Names sort as numbers do, so the oldest slab comes first.
  for (const name of fileSystem.list(directory) ?? []) {
    if (isTemporarySlab(name)) fileSystem.remove(`${directory}/${name}`);
    const sequence = parseSlabName(name);
    if (sequence === undefined) continue;
    last = sequence;
    const path = slabPath(directory, sequence);
    const bytes = await fileSystem.readWhole(path, { offset: 0, size: SLAB_HEAD_SIZE_MAX });
    const head = bytes === undefined ? undefined : decodeSlabHead(bytes, compute);
    if (head !== undefined && fileSystem.stat(path)?.size === head.size) index.add(sequence, head);
    else fileSystem.remove(path);
  }
  while (true) {
    const victim = index.victimFor(0, 0);
    if (victim === undefined) break;
    index.remove(victim);
    await fileSystem.removeWhole(slabPath(directory, victim.sequence));
  }
  return { index, sequence: last + 1 };
}
