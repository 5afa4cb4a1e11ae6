/**
 * Where the log stands, for those who share the store, and how much of it is durable: so that a log
 * that lost its tail, or whose last record rotted, is told from one that was cut by a power loss
 * (docs/formats/local-store.md, "Mark"). Never flushed; written by the holder of the append lock.
 *
 * ```
 * 0   4  magic "GRFT"
 * 4   4  generation
 * 8   8  durable bytes of its log
 * 16  4  checksum of 0 … 16: older programs end here
 * 20  4  sequence of the last record
 * 24  8  where it ends
 * 32  4  its checksum
 * 36  4  number of the last opener
 * 40  1  1 when nothing may follow in this log
 * 41  19 0
 * 60  4  checksum of 0 … 60
 * ```
 */
import type { File } from "@graft/core";
import type { LogEnd } from "./log-writer.ts";
import { ImageBuffer } from "./page-image.ts";
import { xxh32 } from "./xxh32.ts";

const AT = {
  magic: 0,
  generation: 4,
  synced: 8,
  checksum: 16,
  sequence: 20,
  size: 24,
  recordChecksum: 32,
  opener: 36,
  isOver: 40,
  wholeChecksum: 60,
} as const;
const SYNCED_SIZE = 20;
const MARK_SIZE = 64;
/** "GRFT", read as a little-endian number. */
const MAGIC = 0x5446_5247;
const TWO_32 = 0x1_0000_0000;
/** A mark that is torn this often is damaged. */
const READ_COUNT_MAX = 8;

export interface Synced {
  readonly generation: number;
  readonly size: number;
}

export interface Mark {
  readonly generation: number;
  /** How much of the log is durable. */
  readonly syncedSize: number;
  /** The end of the last record. */
  readonly end: LogEnd;
  /** Grows with every store that is opened. */
  readonly opener: number;
  /** The log takes no more: another generation may have begun. */
  readonly isOver: boolean;
}

export class SyncedMark {
  readonly #file: File;
  readonly #buffer = new ImageBuffer(MARK_SIZE);

  constructor(file: File) {
    this.#file = file;
  }

  /** What the mark says; undefined when it is missing or damaged. Waits for nobody. */
  read(): Mark | undefined {
    const { bytes, view } = this.#buffer;
    for (let count = 0; count < READ_COUNT_MAX; count++) {
      if (this.#file.read(bytes, 0) < MARK_SIZE) return undefined;
      // What fails its checksum was read while it was written.
      if (view.getUint32(AT.wholeChecksum, true) !== xxh32(view, 0, AT.wholeChecksum)) continue;
      return {
        generation: view.getUint32(AT.generation, true),
        syncedSize: getSafeInteger(view, AT.synced),
        end: {
          offset: getSafeInteger(view, AT.size),
          sequence: view.getUint32(AT.sequence, true),
          checksum: view.getUint32(AT.recordChecksum, true),
        },
        opener: view.getUint32(AT.opener, true),
        isOver: view.getUint8(AT.isOver) === 1,
      };
    }
    return undefined;
  }

  /** Says where the log stands. @throws GraftError `io`: others may not see it */
  write({ generation, syncedSize, end, opener, isOver }: Mark): void {
    const { bytes, view } = this.#buffer;
    view.setUint32(AT.magic, MAGIC, true);
    view.setUint32(AT.generation, generation, true);
    setSafeInteger(view, AT.synced, syncedSize);
    view.setUint32(AT.checksum, xxh32(view, 0, AT.checksum), true);
    view.setUint32(AT.sequence, end.sequence, true);
    setSafeInteger(view, AT.size, end.offset);
    view.setUint32(AT.recordChecksum, end.checksum, true);
    view.setUint32(AT.opener, opener, true);
    bytes.fill(0, AT.isOver, AT.wholeChecksum);
    view.setUint8(AT.isOver, isOver ? 1 : 0);
    view.setUint32(AT.wholeChecksum, xxh32(view, 0, AT.wholeChecksum), true);
    this.#file.write(bytes, 0);
  }

  close(): void {
    this.#file.close();
  }
}

/** How much of which log is durable, as any version of the format says it. */
export function readSyncedMark(file: File): Synced | undefined {
  const { bytes, view } = new ImageBuffer(SYNCED_SIZE);
  if (file.read(bytes, 0) < SYNCED_SIZE) return undefined;
  if (view.getUint32(AT.magic, true) !== MAGIC) return undefined;
  if (view.getUint32(AT.checksum, true) !== xxh32(view, 0, AT.checksum)) return undefined;
  return {
    generation: view.getUint32(AT.generation, true),
    size: getSafeInteger(view, AT.synced),
  };
}

function getSafeInteger(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32;
}

function setSafeInteger(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}
