/**
 * Reads a log back, and decides where it ends (docs/formats/local-store.md, "Where the log ends").
 */
import type { File, VolumeId } from "@graft/core";
import { corruptFile } from "./corrupt-file.ts";
import { decodeFileHeader, FILE_HEADER_SIZE } from "./file-header.ts";
import { FileWindow } from "./file-window.ts";
import {
  checkRecord,
  isRecordSize,
  mayBeRecord,
  RECORD_HEADER_SIZE,
  type RecordHeader,
  readRecordHeader,
} from "./log-record.ts";
import type { LogEnd } from "./log-writer.ts";
import { xxh32Of } from "./xxh32.ts";

export interface LogFile {
  readonly file: File;
  readonly path: string;
  readonly generation: number;
  readonly volumeId: VolumeId;
}

export interface LogRecord {
  readonly kind: number;
  /** A view, valid during the call it is handed to. */
  readonly body: Uint8Array;
  /** Where the body is in the file. */
  readonly bodyOffset: number;
  /** The same, and in which log: for what is read from there later. */
  readonly source: BodySource;
}

/** Where the body of a record is. */
export interface BodySource {
  readonly generation: number;
  readonly offset: number;
}

/** @param end where the record ends */
export type OnRecord = (record: LogRecord, end: LogEnd) => void;

/**
 * Hands every record to `onRecord`, in order.
 *
 * @param durableSize how much of the log is known to have been durable
 * @param until where it is known to end
 * @throws GraftError `corrupt`: something is damaged that was durable
 */
export function readLog(
  log: LogFile,
  durableSize: number,
  onRecord: OnRecord,
  until?: number,
): LogEnd {
  const window = new FileWindow(log.file);
  const first = readHeader(log, window);
  const end = readOn(log, window, first, until ?? Number.POSITIVE_INFINITY, onRecord);
  if (end.offset < (until ?? 0)) throw damaged(log, end, `${until} bytes of it were written`);
  if (end.offset < durableSize) {
    throw damaged(log, end, `${durableSize} bytes of it were durable`);
  }
  if (until === undefined) mustBeTornTail(log, window, end);
  return end;
}

/**
 * Hands the records from one end of the log to a later one to `onRecord`, in order.
 *
 * @throws GraftError `corrupt`
 */
export function readRecords(log: LogFile, from: LogEnd, until: number, onRecord: OnRecord): LogEnd {
  const window = new FileWindow(log.file, until, until - from.offset);
  const end = readOn(log, window, from, until, onRecord);
  if (end.offset !== until) throw damaged(log, end, `${until} bytes of it were written`);
  return end;
}

/** Where the first record of a log begins. */
export function readLogStart(log: LogFile): LogEnd {
  const window = new FileWindow(log.file, Math.min(log.file.size(), FILE_HEADER_SIZE));
  return readHeader(log, window);
}

function readOn(
  log: LogFile,
  window: FileWindow,
  from: LogEnd,
  until: number,
  onRecord: OnRecord,
): LogEnd {
  let end = from;
  while (end.offset < until) {
    const next = recordAt(log, window, end);
    if (next === undefined) break;
    const record = recordOf(log, window, next, end);
    end = endOf(next, end);
    onRecord(record, end);
  }
  return end;
}

/** The record that begins where another ends; undefined when none does. */
export function readOneRecord(
  log: LogFile,
  from: LogEnd,
): { readonly record: LogRecord; readonly end: LogEnd } | undefined {
  // Mostly there is none: no more memory is taken, and no more is read, than it takes to see that.
  const window = new FileWindow(log.file, log.file.size(), RECORD_HEADER_SIZE);
  const next = recordAt(log, window, from);
  if (next === undefined) return undefined;
  return { record: recordOf(log, window, next, from), end: endOf(next, from) };
}

function recordOf(
  { generation }: LogFile,
  window: FileWindow,
  { at, header }: FoundRecord,
  from: LogEnd,
): LogRecord {
  const bodyOffset = from.offset + RECORD_HEADER_SIZE;
  return {
    kind: header.kind,
    body: window.bytes.subarray(at + RECORD_HEADER_SIZE, at + header.size),
    bodyOffset,
    source: { generation, offset: bodyOffset },
  };
}

function endOf({ header, checksum }: FoundRecord, from: LogEnd): LogEnd {
  return { offset: from.offset + header.size, sequence: header.sequence, checksum };
}

function readHeader(log: LogFile, window: FileWindow): LogEnd {
  const { path, generation, volumeId } = log;
  const at = window.seek(0, Math.min(FILE_HEADER_SIZE, window.size)) ?? 0;
  const bytes = window.bytes.subarray(at, Math.min(FILE_HEADER_SIZE, window.size));
  decodeFileHeader(bytes, path, { kind: "log", generation, volumeId });
  return { offset: FILE_HEADER_SIZE, sequence: 0, checksum: headerChecksum(bytes) };
}

/** What the first record names as its predecessor. */
export function headerChecksum(header: Uint8Array): number {
  return xxh32Of(header);
}

interface FoundRecord {
  /** In the window. */
  readonly at: number;
  readonly header: RecordHeader;
  readonly checksum: number;
}

function recordAt(log: LogFile, window: FileWindow, end: LogEnd): FoundRecord | undefined {
  const found = validAt(log, window, end.offset);
  if (found === undefined) return undefined;
  const isNext =
    found.header.sequence === end.sequence + 1 && found.header.previous === end.checksum;
  return isNext ? found : undefined;
}

/** A record with a right checksum, whatever it follows. */
function validAt(log: LogFile, window: FileWindow, offset: number): FoundRecord | undefined {
  const headerAt = window.seek(offset, RECORD_HEADER_SIZE);
  if (headerAt === undefined) return undefined;
  const header = readRecordHeader(window.view, headerAt);
  if (!isRecordSize(header.size)) return undefined;
  const at = window.seek(offset, header.size);
  if (at === undefined) return undefined;
  const checksum = checkRecord(window.view, at, header.size, log.generation);
  return checksum === undefined ? undefined : { at, header, checksum };
}

/** What follows the end was never durable, unless a whole record further on knows better. */
function mustBeTornTail(log: LogFile, window: FileWindow, end: LogEnd): void {
  for (let offset = end.offset + 8; offset + RECORD_HEADER_SIZE <= window.size; offset += 8) {
    const at = window.seek(offset, RECORD_HEADER_SIZE);
    if (at === undefined) return;
    // Most of a tail is zeros that were written ahead.
    if (!mayBeRecord(window.view, at)) continue;
    const header = readRecordHeader(window.view, at);
    const mayTell =
      header.synced > end.offset && header.synced <= offset && header.sequence > end.sequence;
    if (!mayTell || validAt(log, window, offset) === undefined) continue;
    throw damaged(log, end, `a later record, at ${offset}, says that it was durable`);
  }
}

function damaged(log: LogFile, end: LogEnd, why: string): Error {
  return corruptFile(
    log.path,
    end.offset,
    `no valid record ${end.sequence + 1} begins here, and ${why}`,
  );
}
