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
}

/**
 * Hands every record to `onRecord`, in order.
 *
 * @param durableSize how much of the log is known to have been durable
 * @throws GraftError `corrupt`: something is damaged that was durable
 */
export function readLog(
  log: LogFile,
  durableSize: number,
  onRecord: (record: LogRecord) => void,
): LogEnd {
  const window = new FileWindow(log.file);
  let end = readHeader(log, window);
  for (;;) {
    const next = recordAt(log, window, end);
    if (next === undefined) break;
    const { at, header, checksum } = next;
    onRecord({
      kind: header.kind,
      body: window.bytes.subarray(at + RECORD_HEADER_SIZE, at + header.size),
      bodyOffset: end.offset + RECORD_HEADER_SIZE,
    });
    end = { offset: end.offset + header.size, sequence: header.sequence, checksum };
  }
  if (end.offset < durableSize) {
    throw damaged(log, end, `${durableSize} bytes of it were durable`);
  }
  mustBeTornTail(log, window, end);
  return end;
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

function recordAt(
  log: LogFile,
  window: FileWindow,
  end: LogEnd,
): { readonly at: number; readonly header: RecordHeader; readonly checksum: number } | undefined {
  const found = validAt(log, window, end.offset);
  if (found === undefined) return undefined;
  const isNext =
    found.header.sequence === end.sequence + 1 && found.header.previous === end.checksum;
  return isNext ? found : undefined;
}

/** A record with a right checksum, whatever it follows. */
function validAt(
  log: LogFile,
  window: FileWindow,
  offset: number,
): { readonly at: number; readonly header: RecordHeader; readonly checksum: number } | undefined {
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
