/**
 * Opens what a store left on disk, whatever moment it was interrupted at.
 *
 * ```
 * nothing there ─────────────────────────────────▶ generation 1, empty
 * index + log ─ check both ─ replay ─ cut the tail ─ flush ─▶ that state
 * anything else ─▶ corrupt, naming file and offset; nothing was changed
 * ```
 */
import {
  type File,
  type FileSystem,
  GraftError,
  type PageSize,
  toPageSize,
  unreachable,
  type VolumeId,
} from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import type { ReadReplay } from "../local-commit.ts";
import { Replica } from "../replica.ts";
import { decodeChange } from "./change-codec.ts";
import { corruptFile, decodingFile } from "./corrupt-file.ts";
import { FILE_HEADER_SIZE } from "./file-header.ts";
import { enterGeneration, prepareGeneration, removeOlder } from "./generation.ts";
import { loadIndex } from "./load-index.ts";
import { isSlot } from "./location.ts";
import { type LogChange, replayChange } from "./log-change.ts";
import { type LogRecord, readLog } from "./log-reader.ts";
import { type LogEnd, LogWriter } from "./log-writer.ts";
import { PageFile } from "./page-file.ts";
import { imageSizeOf } from "./page-image.ts";
import type { Reservations } from "./reservations.ts";
import { SlotSet } from "./slot-set.ts";
import { closePlace, type StoreDisk, type StorePlace } from "./store-disk.ts";
import { StoreFiles, type StoreListing } from "./store-files.ts";
import { StoredReplays } from "./stored-replays.ts";
import { type Mark, readSyncedMark, type Synced, SyncedMark } from "./synced-mark.ts";

/** Bytes of a record for each page it names, at least. */
const LOGGED_PAGE_SIZE = 8;

export interface RecoveryOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly volumeId: VolumeId;
  /** Of a store that is new. */
  readonly pageSize: PageSize | undefined;
  /** Called with the places of pages that nobody can name any more. */
  readonly release: (location: Location) => void;
  /** Filled with what the log says of them. */
  readonly reservations?: Reservations;
  /** Whether other processes have the store open: then the mark says where the log ends. */
  readonly isShared?: boolean;
}

/** @throws GraftError `corrupt` · `invalid-argument` (newer format, another volume) · `io` */
export function recoverStore(options: RecoveryOptions): StoreDisk {
  const { fileSystem } = options;
  const files = new StoreFiles(options.directory);
  const listing = files.list(fileSystem);
  const synced = readMark(fileSystem, files);
  const generation = listing.indexes.at(-1);
  if (generation === undefined) {
    mustBeNew(fileSystem, files, listing, synced);
    return createStore(options, files);
  }
  if (synced !== undefined && synced.generation > generation) {
    throw corruptFile(
      files.index(synced.generation),
      0,
      `the file is missing; the newest index is of generation ${generation}`,
    );
  }
  return openStore(options, files, generation, synced);
}

function readMark(fileSystem: FileSystem, files: StoreFiles): Synced | undefined {
  if (fileSystem.stat(files.synced) === undefined) return undefined;
  return withFile(fileSystem, files.synced, readSyncedMark);
}

/** A store whose making was interrupted never acknowledged anything. */
function mustBeNew(
  fileSystem: FileSystem,
  files: StoreFiles,
  listing: StoreListing,
  synced: Synced | undefined,
): void {
  const log = listing.logs.at(-1);
  if (synced !== undefined) {
    throw corruptFile(files.index(synced.generation), 0, "the file is missing");
  }
  const isEmpty = log === 1 && (fileSystem.stat(files.log(1))?.size ?? 0) <= FILE_HEADER_SIZE;
  if (log === undefined || isEmpty) return;
  throw corruptFile(files.index(log), 0, `the file is missing; "${files.log(log)}" is there`);
}

function createStore(options: RecoveryOptions, files: StoreFiles): StoreDisk {
  const { fileSystem, pageSize, release } = options;
  const generation = 1;
  fileSystem.makeDirectory(files.directory);
  const place = openPlace(options, files);
  try {
    const readReplay = replayReaderOf(options, files);
    const source = { replica: new Replica({ release, readReplay }), pageSize };
    const log = prepareGeneration(place, generation, source);
    enterGeneration(place, generation);
    if (pageSize !== undefined) place.pages.setPageSize(pageSize);
    const rest = {
      start: 0,
      dropped: new Map(),
      earlierLogs: [],
      isCurrent: true,
      lastGeneration: generation,
    };
    return { ...place, ...source, ...rest, log };
  } catch (error) {
    closePlace(place);
    throw error;
  }
}

function openStore(
  options: RecoveryOptions,
  files: StoreFiles,
  generation: number,
  synced: Synced | undefined,
): StoreDisk {
  const { fileSystem, isShared = false } = options;
  const logPath = files.log(generation);
  if (fileSystem.stat(logPath) === undefined) throw corruptFile(logPath, 0, "the file is missing");
  const mark = isShared ? withFile(fileSystem, files.synced, readMarkOf) : undefined;
  const until = mark?.generation === generation ? mark.end.offset : undefined;
  const durableSize = synced?.generation === generation ? synced.size : 0;
  // NOTE: nothing is opened for writing before all of it was read and understood.
  const which = { generation, durableSize, until, isShared, base: 0 };
  const loaded = loadGeneration({ ...options, files }, which);
  const { replica, pageSize = options.pageSize, end, start, isCurrent, slotCount } = loaded;
  const place = openPlace(options, files);
  let log: LogWriter | undefined;
  try {
    if (pageSize !== undefined) place.pages.setPageSize(pageSize);
    place.pages.slots.growTo(slotCount);
    log = openLog(fileSystem, logPath, generation, end, isShared);
    // Whoever began this generation may have died before its name was durable.
    fileSystem.syncDirectory(files.directory);
    removeOlder(place, generation);
    const rest = {
      start,
      dropped: new Map(),
      earlierLogs: [],
      isCurrent,
      lastGeneration: generation,
    };
    return { ...place, ...rest, replica, pageSize, log };
  } catch (error) {
    log?.close(!isShared);
    closePlace(place);
    throw error;
  }
}

/** What an index and its log say. */
export interface LoadedGeneration {
  readonly replica: Replica;
  readonly pageSize: PageSize | undefined;
  readonly end: LogEnd;
  /** Position of offset 0 of the log. */
  readonly start: number;
  readonly isCurrent: boolean;
  /** Slots that are named, or reserved: none is beyond. */
  readonly slotCount: number;
}

/** @throws GraftError as `recoverStore` · `not-found`: another generation took its place */
export function loadGeneration(
  options: Pick<RecoveryOptions, "fileSystem" | "volumeId" | "release" | "reservations"> & {
    readonly files: StoreFiles;
  },
  which: {
    readonly generation: number;
    /** How much of the log is known to have been durable. */
    readonly durableSize: number;
    /** Where the log ends, when that is known. */
    readonly until: number | undefined;
    /** Whether other processes have the store open. */
    readonly isShared: boolean;
    readonly base: number;
  },
): LoadedGeneration {
  const { fileSystem, files, volumeId, release, reservations } = options;
  const { generation, durableSize, until, isShared, base } = which;
  const [indexPath, logPath] = [files.index(generation), files.log(generation)];
  const room = roomFor(fileSystem, { pages: files.pages, log: logPath });
  const readReplay = replayReaderOf(options, files);
  const loaded = withFile(fileSystem, indexPath, (file) =>
    loadIndex({ file, path: indexPath, generation, volumeId, readReplay }, release, room),
  );
  const { replica, start, isCurrent } = loaded;
  let known = loaded.pageSize;
  let slotCount = 0;
  const onRecord = (record: LogRecord): void => {
    decodingFile(logPath, record.bodyOffset, () => {
      const change = decodeChange({ ...record, bodyOffset: record.bodyOffset + base });
      const before = known;
      known = pageSizeAfter(change, known);
      const { table } = replica.history.chains;
      if (known !== before) table.reserve(room(known, table.count));
      replayChange(replica, change);
      reservations?.heed(change);
      // Reservations of the dead are void, whatever they say.
      if (change.kind !== "reserve" || !isShared) return;
      for (const { first, count } of change.extents) slotCount = Math.max(slotCount, first + count);
    });
  };
  const end = withFile(fileSystem, logPath, (file) =>
    readLog({ file, path: logPath, generation, volumeId }, durableSize, onRecord, until),
  );
  // Without pins the rest is named by nobody, and its slots may be in use again.
  replica.history.retainNamed(replica.facts.push?.toVersion);
  replica.history.chains.table.trim();
  slotCount = Math.max(slotCount, countSlots(replica, files, known));
  // Pins of other processes may read slots that nobody names any more.
  const fileSize = fileSystem.stat(files.pages)?.size ?? 0;
  if (known !== undefined)
    slotCount = Math.max(slotCount, Math.ceil(fileSize / imageSizeOf(known)));
  return { replica, pageSize: known, end, start, isCurrent, slotCount };
}

/**
 * How many pages a replica may have when its log was replayed: a table that grows meanwhile is
 * built several times over. Neither file makes this more than the other justifies.
 */
function roomFor(
  fileSystem: FileSystem,
  { pages, log }: { readonly pages: string; readonly log: string },
): (pageSize: PageSize | undefined, entryCount: number) => number {
  const sizeOf = (path: string): number => fileSystem.stat(path)?.size ?? 0;
  return (pageSize, entryCount) => {
    const slotCount = pageSize === undefined ? 0 : sizeOf(pages) / imageSizeOf(pageSize);
    const mostCount = entryCount + sizeOf(log) / LOGGED_PAGE_SIZE;
    return Math.max(entryCount, Math.floor(Math.min(slotCount, mostCount)));
  };
}

/** What is known of the page size after a change: it is said once and never changes. */
function pageSizeAfter(change: LogChange, known: PageSize | undefined): PageSize | undefined {
  const said = saidPageSize(change);
  if (said === undefined || said === known) return known;
  if (known === undefined) return toPageSize(said);
  throw new GraftError(
    "corrupt",
    `a ${change.kind} has pages of ${said} bytes, the store ${known}`,
  );
}

/** The page size a change says, bytes. */
export function saidPageSize(change: LogChange): number | undefined {
  switch (change.kind) {
    case "commit":
      return change.pages.length === 0 ? undefined : change.pageSize;
    case "pull":
    case "merge":
    case "complete":
    case "reset":
      return change.remote?.pageSize;
    case "prepare":
    case "end":
    case "fetched":
    case "dropped":
    case "uploaded":
    case "reserve":
    case "continue":
      return undefined;
    default:
      unreachable(change);
  }
}

function replayReaderOf(
  { fileSystem, volumeId }: Pick<RecoveryOptions, "fileSystem" | "volumeId">,
  files: StoreFiles,
): ReadReplay {
  const replays = new StoredReplays({ fileSystem, files, volumeId });
  return (version, place) => replays.read(version, place);
}

/** Opens the files that outlive a generation. */
function openPlace({ fileSystem, volumeId }: RecoveryOptions, files: StoreFiles): StorePlace {
  const pagesFile = fileSystem.open(files.pages, "create");
  try {
    const pages = new PageFile(pagesFile, files.pages, volumeId);
    const mark = new SyncedMark(fileSystem.open(files.synced, "create"));
    return { fileSystem, files, volumeId, pages, mark };
  } catch (error) {
    pagesFile.close();
    throw error;
  }
}

/** Makes a log end where its last record does, when nobody else writes it. */
function openLog(
  fileSystem: FileSystem,
  path: string,
  generation: number,
  end: LogEnd,
  isShared: boolean,
): LogWriter {
  const file = fileSystem.open(path, "read-write");
  try {
    if (!isShared && file.size() > end.offset) file.truncate(end.offset);
    file.sync();
    return new LogWriter(file, generation, end);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The slots up to the last that is named. No two pages share one. */
function countSlots(replica: Replica, files: StoreFiles, pageSize: PageSize | undefined): number {
  const imageSize = pageSize === undefined ? 0 : imageSizeOf(pageSize);
  const named = new SlotSet();
  let count = 0;
  replica.history.chains.forEach((page, version, location) => {
    if (!isSlot(location)) return;
    count = Math.max(count, location + 1);
    if (named.add(location)) return;
    const why = `page ${page} of version ${version} shares slot ${location} with another`;
    throw corruptFile(files.pages, location * imageSize, why);
  });
  return count;
}

function readMarkOf(file: File): Mark | undefined {
  return new SyncedMark(file).read();
}

function withFile<T>(fileSystem: FileSystem, path: string, use: (file: File) => T): T {
  const file = fileSystem.open(path, "read");
  try {
    return use(file);
  } finally {
    file.close();
  }
}
