/**
 * Begins a new generation: an index of the state as it is, and an empty log.
 *
 * ```
 * pages into free slots (move-pages.ts) ─ flush ─ index draft ─ flush ─ empty log ─ flush ─ flush
 * names
 *   ─ RENAME of the index: the switch ─ flush names ─ remove what came before
 * ```
 *
 * A failure before the rename changes nothing. One at or after it leaves open which generation a
 * crash would find: both hold the same state, but neither log may be continued, so the old one is
 * given up and another generation is begun before the next record.
 */
import { type File, GraftError, type PageSize, type VolumeId } from "@graft/core";
import { ABSENT, type PageVersion } from "../history/page-chains.ts";
import type { Replica } from "../replica.ts";
import { encodeFileHeader, FILE_HEADER_SIZE } from "./file-header.ts";
import { writeIndex } from "./index-file.ts";
import { isSlot } from "./location.ts";
import { headerChecksum } from "./log-reader.ts";
import { LogWriter } from "./log-writer.ts";
import { applyMoves, type Moved, movePages, undoMoves } from "./move-pages.ts";
import type { StoreDisk, StorePlace } from "./store-disk.ts";

/** What an index says besides the pages' places. */
export interface GenerationSource {
  readonly replica: Replica;
  readonly pageSize: PageSize | undefined;
}

/** @throws GraftError `io`, `corrupt` (an unpushed page in the log): the state is as it was */
export function switchGeneration(disk: StoreDisk): void {
  const generation = ++disk.lastGeneration;
  const moved = movePages(disk);
  let log: LogWriter;
  try {
    disk.pages.sync();
    log = prepareGeneration(disk, generation, disk, moved);
  } catch (error) {
    undoMoves(disk, moved);
    throw error;
  }
  try {
    enterGeneration(disk, generation);
  } catch (error) {
    // Slots that were moved to stay taken: the new index may be the one that is found.
    disk.log.giveUp();
    log.close();
    throw error;
  }
  const old = disk.log;
  disk.log = log;
  applyMoves(disk, moved);
  disk.pages.slots.settle();
  disk.pages.cutFree();
  disk.mark.write({ generation, size: log.syncedSize });
  old.close();
  removeOlder(disk, generation);
}

/** Everything before the switch. When it throws, nothing of it is left, or all of it is ignored. */
export function prepareGeneration(
  place: StorePlace,
  generation: number,
  source: GenerationSource,
  moved: Moved,
): LogWriter {
  try {
    writeDraft(place, generation, source, moved);
    return createLog(place, generation);
  } catch (error) {
    removeQuietly(place, place.files.indexDraft(generation));
    removeQuietly(place, place.files.log(generation));
    throw error;
  }
}

/** THE SWITCH. When it returns, a crash finds the new generation. */
export function enterGeneration({ fileSystem, files }: StorePlace, generation: number): void {
  fileSystem.rename(files.indexDraft(generation), files.index(generation));
  fileSystem.syncDirectory(files.directory);
}

function writeDraft(
  place: StorePlace,
  generation: number,
  { replica, pageSize }: GenerationSource,
  moved: Moved,
): void {
  const file = createFile(place, place.files.indexDraft(generation));
  try {
    const { history, facts } = replica;
    const { start, stale, refreshed } = history.epoch;
    const state = { state: facts.state(), start, floors: history.floors, stale, refreshed };
    const { volumeId } = place;
    const entries = entriesOf(place, replica, moved);
    writeIndex({ file, generation, volumeId }, pageSize, state, entries);
    file.sync();
  } finally {
    file.close();
  }
}

/**
 * What a store that is opened now must know. All slots were flushed; one that was not is left out.
 */
function* entriesOf({ pages }: StorePlace, replica: Replica, moved: Moved): Generator<PageVersion> {
  for (const entry of replica.history.named(replica.facts.push?.toVersion)) {
    const now = moved.get(entry.location) ?? entry;
    const isLost = isSlot(now.location) && !pages.isDurable(now.location);
    yield isLost ? { ...now, location: ABSENT } : now;
  }
}

function createLog(place: StorePlace, generation: number): LogWriter {
  const file = createFile(place, place.files.log(generation));
  try {
    const end = writeLogHeader(file, generation, place.volumeId);
    file.sync();
    place.fileSystem.syncDirectory(place.files.directory);
    return new LogWriter(file, generation, end);
  } catch (error) {
    file.close();
    throw error;
  }
}

function writeLogHeader(
  file: File,
  generation: number,
  volumeId: VolumeId,
): { offset: number; sequence: number; checksum: number } {
  const header = encodeFileHeader({
    kind: "log",
    generation,
    volumeId,
    pageSize: 0,
    stateSize: 0,
    entryCount: 0,
  });
  file.write(header, 0);
  return { offset: FILE_HEADER_SIZE, sequence: 0, checksum: headerChecksum(header) };
}

/** An empty file, also where an unfinished one lies. */
function createFile({ fileSystem }: StorePlace, path: string): File {
  fileSystem.remove(path);
  return fileSystem.open(path, "create-new");
}

/** Removes all generations before this one. */
export function removeOlder(place: StorePlace, generation: number): void {
  const { files, fileSystem } = place;
  const listing = files.list(fileSystem);
  for (const one of listing.indexes) if (one < generation) removeQuietly(place, files.index(one));
  for (const one of listing.logs) if (one !== generation) removeQuietly(place, files.log(one));
  for (const path of listing.drafts) removeQuietly(place, path);
}

/** A file that stays takes room and harms nothing: it is tried again at the next switch or open. */
function removeQuietly(place: StorePlace, path: string): void {
  try {
    place.fileSystem.remove(path);
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
  }
}
