import {
  type Clock,
  type FileSystem,
  GraftError,
  type PageSize,
  type ReusableLock,
  type VolumeId,
} from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import type { LocalStore } from "../local-store.ts";
import { DurableLocalStore } from "./durable-local-store.ts";
import { isInMemory, isSlot } from "./location.ts";
import { Processes } from "./processes.ts";
import { recoverStore } from "./recovery.ts";
import { Reservations } from "./reservations.ts";
import { closePlace, type StoreDisk } from "./store-disk.ts";
import { StoreFiles } from "./store-files.ts";
import { FETCHED_COUNT_MIN_DEFAULT, LOG_SIZE_MIN_DEFAULT } from "./store-log.ts";
import { SETTLE_MS } from "./store-share.ts";
import { WaitingPages } from "./waiting-pages.ts";

/** What an opening waits for another process's append, or its opening, at most. */
const OPEN_TIMEOUT_MS = 30_000;

export interface LocalStoreOptions {
  readonly fileSystem: FileSystem;
  /** Made when missing. Other processes may have it open. */
  readonly directory: string;
  readonly volumeId: VolumeId;
  /**
   * Lets a process that is alone look for others every 20 ms, instead of at each pin. With it, open
   * by `openSharedLocalStore`.
   */
  readonly clock?: Clock;
  /** Of a volume that is made here; otherwise learnt from the first pull. */
  readonly pageSize?: PageSize | undefined;
  /** "full" (default): a commit survives power loss. "relaxed": it survives the process. */
  readonly durability?: "full" | "relaxed";
  /**
   * Bytes of pages above which clean ones are evicted, whenever no pin sees them. Default: never.
   */
  readonly cacheSizeMax?: number;
  /** Bytes of pages read lately that are kept in memory. Default: 8 MiB. */
  readonly memoryCacheSize?: number;
  /**
   * Bytes of log below which no new generation is begun. Default: 4 MiB. Small ones are for tests.
   */
  readonly logSizeMin?: number;
  /** Fetched pages below which they are not recorded yet: kill -9 loses them. Default: 64. */
  readonly fetchedCountMin?: number;
}

/** Beside SQLite's own caches, 2 MiB each: two thousand pages that any may ask for again. */
const MEMORY_CACHE_SIZE_DEFAULT: number = 8 * 1024 * 1024;

/**
 * Opens the local store in a directory, or makes an empty one. The format is
 * docs/formats/local-store.md.
 *
 * @throws GraftError `corrupt`: names the file and the offset, nothing was changed ·
 *   `invalid-argument`: a newer format, another volume's directory, or another page size · `io`
 */
export function openLocalStore(options: LocalStoreOptions): LocalStore {
  const { pageSize, volumeId } = options;
  const files = new StoreFiles(options.directory);
  options.fileSystem.makeDirectory(options.directory);
  const appendLock = options.fileSystem.openLock(files.appendLock);
  let store: DurableLocalStore;
  try {
    if (!appendLock.lock(OPEN_TIMEOUT_MS)) {
      throw new GraftError(
        "busy",
        `"${options.directory}": another process has held its log for ${OPEN_TIMEOUT_MS / 1000} s: ` +
          "try again, or end that process",
      );
    }
    store = openHeld(options, files, appendLock);
  } catch (error) {
    appendLock.close();
    throw error;
  }
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

/**
 * `openLocalStore` for a process that may have company. The others notice it within a moment, which
 * this waits for: from then on they see at their next pin what is done here.
 *
 * @throws GraftError as `openLocalStore`
 */
export async function openSharedLocalStore(
  options: LocalStoreOptions & { readonly clock: Clock },
): Promise<LocalStore> {
  const store = openLocalStore(options);
  if (store instanceof DurableLocalStore && !store.isAlone) await options.clock.sleep(SETTLE_MS);
  return store;
}

/** Opens the store while the append lock is held; it is given back when the store is ready. */
function openHeld(
  options: LocalStoreOptions,
  files: StoreFiles,
  appendLock: ReusableLock,
): DurableLocalStore {
  const { fileSystem, pageSize, clock } = options;
  const processes = new Processes(fileSystem, files, clock);
  const reservations = new Reservations();
  const waiting = new WaitingPages();
  // The store and its files know each other; what is let go while the log is replayed is free
  // anyway.
  let disk: StoreDisk | undefined;
  const release = (location: Location): void => {
    if (isInMemory(location)) waiting.release(location);
    else if (disk !== undefined && isSlot(location)) disk.pages.slots.release(location);
  };
  try {
    const isShared = !processes.isAlone();
    disk = recoverStore({ ...options, pageSize, release, reservations, isShared });
    processes.join((disk.mark.read()?.opener ?? 0) + 1, disk.start + disk.log.size);
    reservations.own = processes.opener;
    return new DurableLocalStore(
      { disk, appendLock, processes, reservations, clock, waiting, release },
      {
        durability: options.durability ?? "full",
        cacheSizeMax: options.cacheSizeMax ?? Number.POSITIVE_INFINITY,
        memoryCacheSize: options.memoryCacheSize ?? MEMORY_CACHE_SIZE_DEFAULT,
        logSizeMin: options.logSizeMin ?? LOG_SIZE_MIN_DEFAULT,
        fetchedCountMin: options.fetchedCountMin ?? FETCHED_COUNT_MIN_DEFAULT,
      },
    );
  } catch (error) {
    processes.close();
    if (disk !== undefined) {
      disk.log.close(false);
      closePlace(disk);
    }
    throw error;
  }
}
