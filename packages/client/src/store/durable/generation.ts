/**
 * Begins a new generation: an index of the state as it is, and a log that goes on from there.
 *
 * ```
 * pages into free slots (move-pages.ts) ─ flush ─ index draft ─ flush ─ new log ─ flush ─ flush
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
import { encodeChange } from "./change-codec.ts";
import { encodeFileHeader, FILE_HEADER_SIZE } from "./file-header.ts";
import { writeIndex } from "./index-file.ts";
import { isInMemory, isSlot } from "./location.ts";
import { CHANGE_KINDS, type ReserveChange } from "./log-change.ts";
import { nextBase } from "./log-places.ts";
import { headerChecksum } from "./log-reader.ts";
import { LogWriter } from "./log-writer.ts";
import { applyMoves, type Moved, movePages, undoMoves } from "./move-pages.ts";
import type { StoreDisk, StorePlace } from "./store-disk.ts";

/** What an index says besides the pages' places. */
export interface GenerationSource {
  readonly replica: Replica;
  readonly pageSize: PageSize | undefined;
  /** Position of offset 0 of the log before; 0 without one. */
  readonly start?: number;
}

/** What a switch must know of other processes. */
export interface Sharing {
  /** What stays reserved: slots that living processes took and no record names. */
  reserved(): Iterable<ReserveChange>;
  /** Says that the log is over, so that others look for the next one. @throws GraftError `io` */
  announce(): void;
  /** Slots up to here are used by somebody: what follows is cut off. */
  slotCount(): number;
}

/** How a log begins that continues another one. */
interface Continuation {
  readonly moved: Moved;
  /** Filled while the index is written. */
  readonly named: PageVersion[];
  readonly from: LogWriter;
  readonly reserved: () => Iterable<ReserveChange>;
  /** Pages that are in the state no more. */
  readonly dropped: StoreDisk["dropped"];
}

/**
 * The caller holds the append lock and has followed the log to its end.
 *
 * @throws GraftError `io`, `corrupt` (an unpushed page in the log): the state is as it was
 */
export function switchGeneration(disk: StoreDisk, sharing: Sharing): void {
  const generation = ++disk.lastGeneration;
  const moved = movePages(disk);
  const named: PageVersion[] = [];
  let log: LogWriter;
  try {
    disk.pages.sync();
    const { log: from, dropped } = disk;
    const continuation = { moved, named, from, dropped, reserved: () => sharing.reserved() };
    log = prepareGeneration(disk, generation, disk, continuation);
    sharing.announce();
  } catch (error) {
    undoMoves(disk, moved);
    throw error;
  }
  try {
    enterGeneration(disk, generation);
  } catch (error) {
    // Slots that were moved to stay taken: the new index may be the one that is found.
    disk.log.giveUp();
    log.close(false);
    throw error;
  }
  const old = disk.log;
  disk.start += old.size;
  disk.log = log;
  disk.isCurrent = true;
  applyMoves(disk, moved);
  const { slots } = disk.pages;
  for (const { location } of named) if (isSlot(location)) slots.disown(location);
  slots.settle();
  slots.disownFree();
  disk.pages.cutTo(sharing.slotCount());
  old.close(false);
  removeOlder(disk, generation);
}

/** Everything before the switch. When it throws, nothing of it is left, or all of it is ignored. */
export function prepareGeneration(
  place: StorePlace,
  generation: number,
  source: GenerationSource,
  continuation?: Continuation,
): LogWriter {
  try {
    writeDraft(place, generation, source, continuation);
    return createLog(place, generation, continuation);
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
  { replica, pageSize, start: before = 0 }: GenerationSource,
  continuation: Continuation | undefined,
): void {
  const file = createFile(place, place.files.indexDraft(generation));
  try {
    const { history, facts } = replica;
    const { start, stale, refreshed } = history.epoch;
    const state = { state: facts.state(), start, floors: history.floors, stale, refreshed };
    const { volumeId } = place;
    const entries = entriesOf(place, replica, continuation);
    const position = before + (continuation?.from.size ?? 0);
    writeIndex({ file, generation, volumeId, start: position }, pageSize, state, entries);
    file.sync();
  } finally {
    file.close();
  }
}

/**
 * What everybody must know. All slots were flushed; one that was not is left out, and so is a page
 * that no record named yet, or that another process dropped.
 */
function* entriesOf(
  { pages }: StorePlace,
  replica: Replica,
  continuation: Continuation | undefined,
): Generator<PageVersion> {
  for (const entry of replica.history.named(replica.facts.push?.toVersion)) {
    const { location } = entry;
    const isUnrecorded = isInMemory(location) || (isSlot(location) && pages.slots.isOwn(location));
    const isDropped = continuation?.dropped.get(entry.page)?.location === location;
    const now =
      isUnrecorded || isDropped ? undefined : (continuation?.moved.get(location) ?? entry);
    const isHere = now !== undefined && (!isSlot(now.location) || pages.isDurable(now.location));
    const written = isHere ? now : { ...entry, location: ABSENT };
    if (now !== undefined && now !== entry) continuation?.named.push(written);
    yield written;
  }
}

function createLog(
  place: StorePlace,
  generation: number,
  continuation: Continuation | undefined,
): LogWriter {
  const file = createFile(place, place.files.log(generation));
  try {
    const end = writeLogHeader(file, generation, place.volumeId);
    const base = continuation === undefined ? 0 : nextBase(continuation.from);
    const log = new LogWriter(file, generation, end, base);
    if (continuation !== undefined) beginLog(log, continuation);
    // The header, too, is durable only now.
    file.sync();
    log.follow(log.end, log.size);
    place.fileSystem.syncDirectory(place.files.directory);
    return log;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Says which log goes on here, and what holds without a record of its own. */
function beginLog(log: LogWriter, { from, named, reserved }: Continuation): void {
  const { generation, end } = from;
  const { offset: size, sequence, checksum } = end;
  log.writing(() => {
    const first = { kind: "continue", generation, size, sequence, checksum, moved: named } as const;
    log.append(CHANGE_KINDS.continue, encodeChange(first));
    for (const change of reserved()) log.append(CHANGE_KINDS.reserve, encodeChange(change));
  });
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
    start: 0,
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
