/**
 * How much of which log is durable, in a file of its own that is never flushed: so that a log that
 * lost its tail, or whose last record rotted, is told from one that was cut by a power loss
 * (docs/formats/local-store.md, "Synced mark").
 *
 * ```
 * 0   4  magic "GRFT"
 * 4   4  generation
 * 8   8  durable bytes of its log
 * 16  4  checksum of 0 … 16
 * ```
 */
import type { File } from "@graft/core";
import { ImageBuffer } from "./page-image.ts";
import { xxh32 } from "./xxh32.ts";

const AT = { magic: 0, generation: 4, size: 8, checksum: 16 } as const;
const MARK_SIZE = 20;
/** "GRFT", read as a little-endian number. */
const MAGIC = 0x5446_5247;
const TWO_32 = 0x1_0000_0000;

export interface Synced {
  readonly generation: number;
  readonly size: number;
}

export class SyncedMark {
  readonly #file: File;
  readonly #buffer = new ImageBuffer(MARK_SIZE);

  constructor(file: File) {
    this.#file = file;
  }

  /** What the mark says; undefined when it is missing or torn. */
  read(): Synced | undefined {
    return readSyncedMark(this.#file);
  }

  /**
   * Says that the log was flushed. Without it the store is as safe, and only notices less: a
   * failure here must not fail a commit that is durable.
   */
  write({ generation, size }: Synced): void {
    const { bytes, view } = this.#buffer;
    view.setUint32(AT.magic, MAGIC, true);
    view.setUint32(AT.generation, generation, true);
    view.setUint32(AT.size, size % TWO_32, true);
    view.setUint32(AT.size + 4, Math.floor(size / TWO_32), true);
    view.setUint32(AT.checksum, xxh32(view, 0, AT.checksum), true);
    try {
      this.#file.write(bytes, 0);
    } catch {
      return;
    }
  }

  close(): void {
    this.#file.close();
  }
}

export function readSyncedMark(file: File): Synced | undefined {
  const { bytes, view } = new ImageBuffer(MARK_SIZE);
  if (file.read(bytes, 0) < MARK_SIZE) return undefined;
  if (view.getUint32(AT.magic, true) !== MAGIC) return undefined;
  if (view.getUint32(AT.checksum, true) !== xxh32(view, 0, AT.checksum)) return undefined;
  const size = view.getUint32(AT.size, true) + view.getUint32(AT.size + 4, true) * TWO_32;
  return { generation: view.getUint32(AT.generation, true), size };
}
