/** One file of a local store, read alone (docs/formats/local-store.md). */
import { ByteReader, type File, toVolumeId, type VolumeId } from "@graft/core";
import { decodeChange } from "../store/durable/change-codec.ts";
import { corruptFile, decodingFile } from "../store/durable/corrupt-file.ts";
import { FILE_HEADER_SIZE } from "../store/durable/file-header.ts";
import { readIndexEntries, readIndexState } from "../store/durable/index-file.ts";
import type { LogChange } from "../store/durable/log-change.ts";
import { readLog } from "../store/durable/log-reader.ts";
import { readSyncedMark, type Synced } from "../store/durable/synced-mark.ts";
import type { LocalState } from "../store/local-store.ts";

/** An index: the state at the start of its log. */
export interface IndexExamination {
  readonly generation: number;
  readonly volumeId: VolumeId;
  /** 0 = not known yet. */
  readonly pageSize: number;
  readonly entryCount: number;
  readonly state: LocalState;
}

/** A record of a log. */
export interface LogRecordExamination {
  /** Of its body in the file, bytes. */
  readonly bodyOffset: number;
  readonly bodySize: number;
  readonly change: LogChange;
}

/** A log up to where its last record ends. */
export interface LogExamination {
  readonly generation: number;
  readonly volumeId: VolumeId;
  readonly recordCount: number;
  /** Where the last record ends. What lies behind was never acknowledged. */
  readonly endOffset: number;
}

/**
 * Reads a whole index, and hands over its entries.
 *
 * @param onEntry `location` below 2^31 is a slot; the greater numbers are those of the format page
 * @throws GraftError `corrupt`, naming file and offset · `invalid-argument`: a newer format
 */
export function examineIndexFile(
  file: File,
  path: string,
  onEntry: (page: number, version: number, location: number) => void = () => undefined,
): IndexExamination {
  const index = { file, path, ...readOwner(file, path) };
  const { header, state } = readIndexState(index);
  readIndexEntries(index, header, onEntry);
  const { generation, volumeId, pageSize, entryCount } = header;
  return { generation, volumeId, pageSize, entryCount, state: state.state };
}

/**
 * Reads a whole log, and hands over its records in order.
 *
 * @throws GraftError `corrupt`, naming file and offset, after the records before the damage were
 *   handed over · `invalid-argument`: a newer format
 */
export function examineLogFile(
  file: File,
  path: string,
  onRecord: (record: LogRecordExamination) => void,
): LogExamination {
  const owner = readOwner(file, path);
  const end = readLog({ file, path, ...owner }, 0, (record) => {
    const change = decodingFile(path, record.bodyOffset, () => decodeChange(record));
    onRecord({ bodyOffset: record.bodyOffset, bodySize: record.body.length, change });
  });
  return { ...owner, recordCount: end.sequence, endOffset: end.offset };
}

/** What a `synced` file says; undefined when it says nothing. */
export function examineSyncedMark(file: File): Synced | undefined {
  return readSyncedMark(file);
}

/** Whose file it says it is. The decoders check the rest of the header. */
function readOwner(
  file: File,
  path: string,
): { readonly generation: number; readonly volumeId: VolumeId } {
  const header = new Uint8Array(FILE_HEADER_SIZE);
  const size = file.read(header, 0);
  if (size < FILE_HEADER_SIZE) {
    throw corruptFile(path, 0, `expected a header of ${FILE_HEADER_SIZE} bytes, got ${size}`);
  }
  const generation = new ByteReader(header.subarray(8)).u32le();
  const volumeId = decodingFile(path, 16, () => toVolumeId(header.slice(16, 32)));
  return { generation, volumeId };
}
