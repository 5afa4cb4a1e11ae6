/**
 * What an open of a local store would find, found without changing a byte of it: recovery runs on
 * an overlay. While another process writes, what is found may be of no single moment: keep the
 * others out first (`keepOthersOut`), or say so.
 */
import { type FileSystem, GraftError, type PageSize, type VolumeId } from "@graft/core";
import { isInLog, isSlot, logOffsetOf } from "../store/durable/location.ts";
import { recoverStore } from "../store/durable/recovery.ts";
import { closePlace, type StoreDisk } from "../store/durable/store-disk.ts";
import type { LocalState } from "../store/local-store.ts";
import { ReadOnlyOverlay } from "./read-only-overlay.ts";

/** A page version that the state of a store names, and where its bytes are. */
export interface StoredPageVersion {
  readonly page: number;
  readonly version: number;
  /** The file that holds it. */
  readonly path: string;
  /** In that file, bytes. */
  readonly offset: number;
  /** Whether it is of a commit that was not pushed: nobody else has it. */
  readonly isUnpushed: boolean;
}

/** A local store as an open would find it. */
export interface StoreExamination extends Disposable {
  readonly generation: number;
  readonly pageSize: PageSize | undefined;
  readonly state: LocalState;
  /** Every page version with bytes, in no order. */
  pages(): Iterable<StoredPageVersion>;
  /** Copies a page; false when what is there fails its checksum or is another page. */
  read(page: StoredPageVersion, target: Uint8Array): boolean;
}

/**
 * Recovers a store without changing it.
 *
 * @throws GraftError `not-found` · `corrupt`, naming file and offset · `invalid-argument`: a newer
 *   format, or another volume's directory
 */
export function examineStore(options: {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly volumeId: VolumeId;
}): StoreExamination {
  const { fileSystem, directory, volumeId } = options;
  if (fileSystem.stat(directory)?.kind !== "directory") {
    throw new GraftError("not-found", `volume ${volumeId} has no local store at "${directory}"`);
  }
  const overlay = new ReadOnlyOverlay(fileSystem);
  try {
    const disk = recoverStore({
      fileSystem: overlay,
      directory,
      volumeId,
      pageSize: undefined,
      release: () => undefined,
    });
    return examinationOf(disk, overlay);
  } catch (error) {
    overlay.close();
    throw error;
  }
}

function examinationOf(disk: StoreDisk, overlay: ReadOnlyOverlay): StoreExamination {
  const { replica, log, pages: pageFile, files } = disk;
  const { chains } = replica.history;
  const state = replica.facts.state();
  const pending = new Map(state.pending.map((commit) => [commit.version, commit.pages]));
  function* pages(): Generator<StoredPageVersion> {
    for (const { page, version, location } of chains.all()) {
      if (!isSlot(location) && !isInLog(location)) continue;
      const place = isSlot(location)
        ? { path: pageFile.path, offset: pageFile.offsetOf(location) }
        : { path: files.log(log.generation), offset: logOffsetOf(location) };
      const isUnpushed = pending.get(version)?.contains(page) === true;
      yield { page, version, ...place, isUnpushed };
    }
  }
  return {
    generation: log.generation,
    pageSize: disk.pageSize,
    state,
    pages,
    read({ page, version, path, offset }, target) {
      const file = path === pageFile.path ? undefined : log.file;
      return file === undefined
        ? pageFile.read(offset / pageFile.imageSize, page, version, target)
        : pageFile.readImage(file, offset, { page, version, target });
    },
    [Symbol.dispose]() {
      log.close(false);
      closePlace(disk);
      overlay.close();
    },
  };
}
