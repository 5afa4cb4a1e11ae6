import type { FileSystem, PageSize, VolumeId } from "@graft/core";
import { GraftError } from "@graft/core";
import type { LocalStore } from "../local-store.ts";
import { DurableLocalStore } from "./durable-local-store.ts";
import { isSlot } from "./location.ts";
import { recoverStore } from "./recovery.ts";
import type { StoreDisk } from "./store-disk.ts";
import { FETCHED_COUNT_MIN_DEFAULT, LOG_SIZE_MIN_DEFAULT } from "./store-log.ts";

export interface LocalStoreOptions {
  readonly fileSystem: FileSystem;
  /** Made when missing. The caller holds the lock that keeps other processes out of it. */
  readonly directory: string;
  readonly volumeId: VolumeId;
  /** Of a volume that is made here; otherwise learnt from the first pull. */
  readonly pageSize?: PageSize | undefined;
  /** "full" (default): a commit survives power loss. "relaxed": it survives the process. */
  readonly durability?: "full" | "relaxed";
  /**
   * Bytes of pages above which clean ones are evicted, whenever no pin sees them. Default: never.
   */
  readonly cacheSizeMax?: number;
  /** Bytes of pages read lately that are kept in memory. Default: 4 MiB. */
  readonly memoryCacheSize?: number;
  /**
   * Bytes of log below which no new generation is begun. Default: 4 MiB. Small ones are for tests.
   */
  readonly logSizeMin?: number;
  /** Fetched pages below which they are not recorded yet: kill -9 loses them. Default: 64. */
  readonly fetchedCountMin?: number;
}

/** Beside SQLite's own caches, 2 MiB each: a thousand pages that any of them may ask for again. */
const MEMORY_CACHE_SIZE_DEFAULT: number = 4 * 1024 * 1024;

/**
 * Opens the local store in a directory, or makes an empty one. The format is
 * docs/formats/local-store.md.
 *
 * @throws GraftError `corrupt`: names the file and the offset, nothing was changed ·
 *   `invalid-argument`: a newer format, another volume's directory, or another page size · `io`
 */
export function openLocalStore(options: LocalStoreOptions): LocalStore {
  const { pageSize, volumeId } = options;
  // The store and its files know each other; what is let go while the log is replayed is free
  // anyway.
  let disk: StoreDisk | undefined;
  const release = (location: number): void => {
    if (disk !== undefined && isSlot(location)) disk.pages.slots.release(location);
  };
  disk = recoverStore({ ...options, pageSize, release });
  const store = new DurableLocalStore(disk, {
    durability: options.durability ?? "full",
    cacheSizeMax: options.cacheSizeMax ?? Number.POSITIVE_INFINITY,
    memoryCacheSize: options.memoryCacheSize ?? MEMORY_CACHE_SIZE_DEFAULT,
    logSizeMin: options.logSizeMin ?? LOG_SIZE_MIN_DEFAULT,
    fetchedCountMin: options.fetchedCountMin ?? FETCHED_COUNT_MIN_DEFAULT,
  });
  if (pageSize === undefined || store.pageSize === undefined || store.pageSize === pageSize) {
    return store;
  }
  const actual = store.pageSize;
  store.close();
  throw new GraftError(
    "invalid-argument",
    `volume ${volumeId} in "${options.directory}" has pages of ${actual} bytes, not ${pageSize}`,
    { details: { volume: volumeId, expected: pageSize, actual } },
  );
}
