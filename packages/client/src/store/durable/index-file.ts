/**
 * The index of a generation: the state at the start of its log (docs/formats/local-store.md,
 * "Index").
 *
 * ```
 * header 64 · state · checksum u32 · blocks of up to 4096 entries, each with a checksum u32 ·
 * replays of pending commits, in their order; sizes and checksums are in the state
 * entry: page index u32 · slot u32 (0xffffffff = known not to exist) · version u64
 * ```
 */
import type { File, PageSize, VolumeId } from "@graft/core";
import type { PageVersion } from "../history/page-chains.ts";
import { type ReadReplay, replaySizeOf } from "../local-commit.ts";
import { corruptFile, decodingFile } from "./corrupt-file.ts";
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_HEADER_SIZE,
  type FileHeader,
} from "./file-header.ts";
import { FileWindow } from "./file-window.ts";
import { decodeIndexState, encodeIndexState, type IndexState } from "./index-state.ts";
import { isSlot, MISSING_SLOT, NO_SLOT } from "./location.ts";
import { ImageBuffer } from "./page-image.ts";
import { xxh32, xxh32Of } from "./xxh32.ts";

const ENTRY_SIZE = 16;
const BLOCK_ENTRY_COUNT = 4096;
const CHECKSUM_SIZE = 4;
const TWO_32 = 0x1_0000_0000;

export interface IndexFile {
  readonly file: File;
  readonly path: string;
  readonly generation: number;
  readonly volumeId: VolumeId;
  /** Reads what the state names of it. Without it pending commits show no replays. */
  readonly readReplay?: ReadReplay | undefined;
}

/** Where a new index is written, and the position at which its log begins. */
export interface IndexTarget extends Omit<IndexFile, "path" | "readReplay"> {
  readonly start: number;
}

/** Writes a whole index into an empty file. Not flushed. Memory does not grow with the entries. */
export function writeIndex(
  { file, generation, volumeId, start }: IndexTarget,
  pageSize: PageSize | undefined,
  state: IndexState,
  entries: Iterable<PageVersion>,
): void {
  const stateBytes = encodeIndexState(state);
  let offset = FILE_HEADER_SIZE;
  file.write(stateBytes, offset);
  offset += stateBytes.length;
  file.write(checksumBytes(xxh32Of(stateBytes)), offset);
  offset += CHECKSUM_SIZE;
  let entryCount = 0;
  const block = new ImageBuffer(BLOCK_ENTRY_COUNT * ENTRY_SIZE + CHECKSUM_SIZE);
  let size = 0;
  const writeBlock = (): void => {
    block.view.setUint32(size, xxh32(block.view, 0, size), true);
    file.write(block.bytes.subarray(0, size + CHECKSUM_SIZE), offset);
    offset += size + CHECKSUM_SIZE;
    size = 0;
  };
  for (const { page, version, location } of entries) {
    block.view.setUint32(size, page, true);
    block.view.setUint32(size + 4, location, true);
    block.view.setUint32(size + 8, version % TWO_32, true);
    block.view.setUint32(size + 12, Math.floor(version / TWO_32), true);
    size += ENTRY_SIZE;
    entryCount++;
    if (size === BLOCK_ENTRY_COUNT * ENTRY_SIZE) writeBlock();
  }
  if (size > 0) writeBlock();
  for (const { replay } of state.state.pending) {
    if (replay === undefined) continue;
    file.write(replay, offset);
    offset += replay.length;
  }
  const stateSize = stateBytes.length;
  file.write(
    encodeFileHeader({
      kind: "index",
      generation,
      volumeId,
      pageSize: pageSize ?? 0,
      stateSize,
      entryCount,
      start,
    }),
    0,
  );
}

export interface IndexContents {
  readonly header: FileHeader;
  readonly state: IndexState;
}

/**
 * Reads and checks the front of an index.
 *
 * @throws GraftError `corrupt` · `invalid-argument`: a newer format, or another volume's file
 */
export function readIndexState(index: IndexFile): IndexContents {
  const { file, path, generation, volumeId } = index;
  const window = new FileWindow(file);
  const front = window.bytes.subarray(0, Math.min(FILE_HEADER_SIZE, window.size));
  window.seek(0, front.length);
  const header = decodeFileHeader(front, path, { kind: "index", generation, volumeId });
  const size = header.stateSize;
  const at = window.seek(FILE_HEADER_SIZE, size + CHECKSUM_SIZE);
  if (at === undefined) throw corruptFile(path, FILE_HEADER_SIZE, "the state ends early");
  if (window.view.getUint32(at + size, true) !== xxh32(window.view, at, at + size)) {
    throw corruptFile(path, FILE_HEADER_SIZE, "the state fails its checksum");
  }
  // Memory is taken for so many entries before the first is read.
  const replaysOffset = replaysOffsetOf(header);
  const bytes = window.bytes.subarray(at, at + size);
  const { version } = header;
  const source = { version, generation, replaysOffset, readReplay: index.readReplay };
  const state = decodingFile(path, FILE_HEADER_SIZE, () => decodeIndexState(bytes, source));
  const replaysSize = state.state.pending.reduce((sum, commit) => sum + replaySizeOf(commit), 0);
  const sizeSaid = replaysOffset + replaysSize;
  if (sizeSaid !== window.size) {
    throw corruptFile(path, FILE_HEADER_SIZE, `expected ${sizeSaid} bytes, got ${window.size}`);
  }
  return { header, state };
}

/** Where the entries end, by the header. */
function replaysOffsetOf({ stateSize, entryCount }: FileHeader): number {
  const blockCount = Math.ceil(entryCount / BLOCK_ENTRY_COUNT);
  const checksumsSize = (1 + blockCount) * CHECKSUM_SIZE;
  return FILE_HEADER_SIZE + stateSize + entryCount * ENTRY_SIZE + checksumsSize;
}

/** Hands every entry to `onEntry`. @throws GraftError `corrupt` */
export function readIndexEntries(
  { file, path }: IndexFile,
  header: FileHeader,
  onEntry: (page: number, version: number, location: number) => void,
): void {
  const window = new FileWindow(file);
  let offset = FILE_HEADER_SIZE + header.stateSize + CHECKSUM_SIZE;
  for (let left = header.entryCount; left > 0; ) {
    const count = Math.min(left, BLOCK_ENTRY_COUNT);
    const size = count * ENTRY_SIZE;
    const start = window.seek(offset, size + CHECKSUM_SIZE);
    if (start === undefined) throw corruptFile(path, offset, `${left} more entries were expected`);
    const { view } = window;
    if (view.getUint32(start + size, true) !== xxh32(view, start, start + size)) {
      throw corruptFile(path, offset, "a block of entries fails its checksum");
    }
    for (let at = start; at < start + size; at += ENTRY_SIZE) {
      const slot = view.getUint32(at + 4, true);
      if (!isSlot(slot) && slot !== NO_SLOT && slot !== MISSING_SLOT) {
        throw corruptFile(path, offset, `an entry has slot ${slot}`);
      }
      const version = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * TWO_32;
      const page = view.getUint32(at, true);
      if (page === 0) throw corruptFile(path, offset, "an entry has page index 0");
      onEntry(page, version, slot);
    }
    offset += size + CHECKSUM_SIZE;
    left -= count;
  }
}

function checksumBytes(checksum: number): Uint8Array {
  const { bytes, view } = new ImageBuffer(CHECKSUM_SIZE);
  view.setUint32(0, checksum, true);
  return bytes;
}
