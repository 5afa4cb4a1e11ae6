/**
 * Brings the state of this process to where another one brought the log.
 *
 * ```
 * same log          the records that follow
 * the log after it  the rest of ours, then what moved, then its records: no index is read
 * a later log       the index and its records, as when the store is opened
 * ```
 *
 * Pins stay as they are: their pages lie in slots that nobody writes while they are open, or in
 * logs that stay open as long.
 */
import {
  type File,
  isGraftError,
  MutablePageSet,
  type PageSet,
  type PageSize,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { LOCATION_MAX, type Location, NO_VERSION } from "../history/page-chains.ts";
import type { Replica } from "../replica.ts";
import { decodeChange } from "./change-codec.ts";
import { decodingFile } from "./corrupt-file.ts";
import { isInLog, isInMemory, isSlot } from "./location.ts";
import { type ContinueChange, type LogChange, replayChange } from "./log-change.ts";
import { nextBase } from "./log-places.ts";
import {
  type LogFile,
  type LogRecord,
  readLogStart,
  readOneRecord,
  readRecords,
} from "./log-reader.ts";
import { type LogEnd, LogWriter } from "./log-writer.ts";
import type { OpenPins } from "./open-pins.ts";
import type { Processes } from "./processes.ts";
import { loadGeneration, saidPageSize } from "./recovery.ts";
import type { Reservations } from "./reservations.ts";
import type { StoreDisk } from "./store-disk.ts";
import type { Mark } from "./synced-mark.ts";

/** Generations that may come and go while one is opened. */
const ATTEMPTS_MAX = 50;

/** What the store above does when others changed something. */
export interface FollowHooks {
  learnPageSize(pageSize: PageSize): void;
  /** The state is loaded again; open pins still use the one before. */
  onReload(before: Replica): void;
  release(location: Location): void;
  /** Other processes have the store open. */
  onCompany(): void;
}

export interface Follower extends FollowHooks {
  readonly disk: StoreDisk;
  readonly reservations: Reservations;
  readonly pins: OpenPins;
  readonly processes: Processes;
}

/** @throws GraftError `corrupt` · `io` */
export function followToMark(follower: Follower, mark: Mark): void {
  const { disk } = follower;
  disk.pages.forgetAhead();
  for (let attempt = 1; ; attempt++) {
    // Each attempt looks anew: what the mark named may be gone.
    const now = attempt === 1 ? mark : (disk.mark.read() ?? mark);
    try {
      if (now.generation > disk.log.generation) {
        enterLog(follower, now.generation, now.end.offset);
      }
      readTo(follower, now.end.offset);
      disk.log.follow(disk.log.end, now.syncedSize);
      return;
    } catch (error) {
      if (!isGraftError(error, "not-found") || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * Reads on behind the mark: for the holder of the append lock, when the one before may have died
 * before it wrote one. A log that is over is given up.
 *
 * @param mark undefined when it cannot be read
 */
export function followBehindMark(follower: Follower, mark: Mark | undefined): void {
  const { disk } = follower;
  disk.pages.forgetAhead();
  if (mark === undefined || mark.isOver) {
    const newest = disk.files.list(disk.fileSystem).indexes.at(-1) ?? 0;
    disk.lastGeneration = Math.max(disk.lastGeneration, newest);
    const hasBegun = newest > disk.log.generation;
    if (hasBegun) enterLog(follower, newest, undefined);
    if (hasBegun || (mark === undefined && !isOnlyRefused(follower))) readTo(follower, undefined);
    // Whoever began another generation may not have made its name durable.
    if (hasBegun || mark?.isOver === true) disk.log.giveUp();
    return;
  }
  if (!isOnlyRefused(follower)) readTo(follower, undefined);
}

/**
 * Whether all that may lie behind the end is what failed in this process: whoever asked for it was
 * told so, and nobody else has seen it. Once another process wrote on, or may have read it, it
 * counts.
 */
function isOnlyRefused({ disk, processes }: Follower): boolean {
  const { log, files, volumeId } = disk;
  if (!log.isBroken || log.refusedEnd <= log.size) return false;
  processes.forget();
  if (!processes.isAlone()) return false;
  const { file, generation } = log;
  const place: LogFile = { file, path: files.log(generation), generation, volumeId };
  let end = log.end;
  for (;;) {
    const next = readOneRecord(place, end);
    if (next === undefined) return true;
    if (next.end.offset > log.refusedEnd) return false;
    end = next.end;
  }
}

/** Makes another log the one in use, with the state at its start, or at `until`. */
function enterLog(follower: Follower, generation: number, until: number | undefined): void {
  const { disk } = follower;
  const path = disk.files.log(generation);
  const file = disk.fileSystem.open(path, "read-write");
  try {
    const place = { file, path, generation, volumeId: disk.volumeId };
    const start = readLogStart(place);
    const first = readOneRecord(place, start);
    const change = first === undefined ? undefined : decodeAt(path, first.record, 0);
    if (change?.kind !== "continue" || !finishLog(follower, change)) {
      reload(follower, file, generation, until);
      return;
    }
    for (const { page, version, location } of change.moved) move(disk, page, version, location);
    const left = leftInLogs(disk);
    if (left === undefined) {
      reload(follower, file, generation, until);
      return;
    }
    const base = nextBase(disk.log);
    applyDropped(follower, left, disk.start + change.size + start.offset);
    replaceLog(follower, new LogWriter(file, generation, start, base), disk.start + change.size);
    follower.reservations.clear();
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Reads the rest of the log in use, when the next one continues it; false when it does not. */
function finishLog(follower: Follower, next: ContinueChange): boolean {
  const { log } = follower.disk;
  if (next.generation !== log.generation || next.size < log.size) return false;
  readTo(follower, next.size);
  const { sequence, checksum } = log.end;
  return sequence === next.sequence && checksum === next.checksum;
}

/**
 * Pages of the state that were given no place outside the log that is over: who began the next one
 * had let them go, and could not say so on a disk that failed. Undefined when one of them is no
 * mere copy of a remote page: then only the index says what is right.
 */
function leftInLogs({ replica: { history } }: StoreDisk): PageSet | undefined {
  const left = new MutablePageSet();
  let isLocal = false;
  history.chains.forEach((page, version, location) => {
    if (!isInLog(location) || !history.isLatest(page, version)) return;
    left.insert(toPageIndex(page));
    isLocal ||= version > history.epoch.start;
  });
  return isLocal ? undefined : left;
}

/** Applies the records up to an offset, or, without one, as long as there are any. */
function readTo(follower: Follower, until: number | undefined): void {
  const { log, files, volumeId } = follower.disk;
  const path = files.log(log.generation);
  const place: LogFile = { file: log.file, path, generation: log.generation, volumeId };
  const onRecord = (record: LogRecord, end: LogEnd): void => {
    applyRecord(follower, decodeAt(path, record, log.base), path, end);
    log.follow(end, 0);
  };
  if (until !== undefined) {
    if (until > log.size) readRecords(place, log.end, until, onRecord);
    return;
  }
  for (;;) {
    const next = readOneRecord(place, log.end);
    if (next === undefined) return;
    onRecord(next.record, next.end);
  }
}

function applyRecord(follower: Follower, change: LogChange, path: string, end: LogEnd): void {
  const { disk, reservations } = follower;
  decodingFile(path, end.offset, () => {
    const said = saidPageSize(change);
    if (said !== undefined) follower.learnPageSize(toPageSize(said));
    if (change.kind === "dropped") applyDropped(follower, change.pages, disk.start + end.offset);
    else replayChange(disk.replica, change);
  });
  reservations.heed(change);
  growSlots(disk, change);
}

/** What pins of this process may still read, stays until they are closed. */
function applyDropped(follower: Follower, pages: PageSet, position: number): void {
  const { disk } = follower;
  const { history } = disk.replica;
  for (const page of pages) {
    const version = history.chains.seek(page, Infinity);
    if (version === NO_VERSION) continue;
    const location = history.chains.foundLocation;
    if (follower.pins.isEmpty) history.forgetNewest(page);
    else disk.dropped.set(page, { version, location, position });
  }
}

function growSlots({ pages }: StoreDisk, change: LogChange): void {
  if (change.kind === "reserve") {
    for (const { first, count } of change.extents) pages.slots.growTo(first + count);
  } else if (change.kind === "commit" || change.kind === "fetched") {
    for (const [, location] of change.pages) {
      if (isSlot(location)) pages.slots.growTo(location + 1);
    }
  }
}

/** Another process gave a page another place. */
function move({ replica, pages }: StoreDisk, page: number, version: number, to: Location): void {
  const { history } = replica;
  if (isSlot(to)) pages.slots.growTo(to + 1);
  const here = history.chains.versionsOf(page).find((one) => one.version === version);
  if (here === undefined) return;
  if (to < LOCATION_MAX) history.moveTo(page, version, to);
  else if (!isInMemory(here.location)) history.dropDamaged(page, version);
}

/** Loads the state as an opening does. Open pins keep the one they have. */
function reload(
  follower: Follower,
  file: File,
  generation: number,
  until: number | undefined,
): void {
  const { disk, reservations } = follower;
  const base = nextBase(disk.log);
  reservations.clear();
  const loaded = loadGeneration(
    { ...disk, release: (location) => follower.release(location), reservations },
    { generation, durableSize: 0, until, isShared: true, base },
  );
  const { pageSize } = loaded;
  if (pageSize !== undefined) follower.learnPageSize(pageSize);
  follower.onReload(disk.replica);
  disk.replica = loaded.replica;
  disk.pages.slots.growTo(loaded.slotCount);
  replaceLog(follower, new LogWriter(file, generation, loaded.end, base), loaded.start);
}

function replaceLog({ disk, pins }: Follower, log: LogWriter, start: number): void {
  if (pins.isEmpty) disk.log.close(false);
  else disk.earlierLogs.push(disk.log);
  disk.log = log;
  disk.start = start;
  disk.lastGeneration = Math.max(disk.lastGeneration, log.generation);
}

function decodeAt(path: string, record: LogRecord, base: number): LogChange {
  const bodyOffset = record.bodyOffset + base;
  return decodingFile(path, record.bodyOffset, () => decodeChange({ ...record, bodyOffset }));
}
