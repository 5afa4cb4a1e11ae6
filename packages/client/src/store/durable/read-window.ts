import type { File } from "@graft/core";
import { IMAGE_HEADER_SIZE, ImageBuffer } from "./page-image.ts";

/** Bytes read ahead at once: 16 pages of 4 KiB cost two reads of one. */
const WINDOW_SIZE = 66 * 1024;

/** An image in the window, and the page in it. Views: valid until the next `seek`. */
export interface WindowedImage {
  readonly image: DataView;
  readonly page: Uint8Array;
}

/**
 * Reads slots ahead when they are read one after the other, as a scan does. What it shows may be
 * older than the file: a page that is not right in the window must be looked up in the file.
 *
 * A slot that nobody named when it was read may hold a page of a transaction that was given up, and
 * later another one with the same page index and version. So the window is cleared whenever records
 * of another process are applied; a slot that is named then is not written while anybody reads it.
 */
export class ReadWindow {
  readonly #file: File;
  readonly #imageSize: number;
  readonly #slotCount: number;
  #buffer: ImageBuffer | undefined;
  #images: WindowedImage[] = [];
  /** Slots in the window: #first … #end − 1. */
  #first = 0;
  #end = 0;
  /** What a scan would read next. */
  #next = -1;

  constructor(file: File, imageSize: number) {
    this.#file = file;
    this.#imageSize = imageSize;
    this.#slotCount = Math.floor(WINDOW_SIZE / imageSize);
  }

  /** A slot in the window, which moves when this looks like a scan; undefined: read the file. */
  seek(slot: number): WindowedImage | undefined {
    const isScan = slot === this.#next;
    this.#next = slot + 1;
    if (slot < this.#first || slot >= this.#end) {
      if (!isScan || this.#slotCount < 2) return undefined;
      this.#moveTo(slot);
    }
    return slot < this.#end ? this.#images[slot - this.#first] : undefined;
  }

  /** The slot was written. */
  forget(slot: number): void {
    if (slot >= this.#first && slot < this.#end) this.#end = this.#first;
  }

  /** Any slot may have been written: what nobody named when it was read ahead, others may use. */
  clear(): void {
    this.#end = this.#first;
  }

  #moveTo(slot: number): void {
    this.#buffer ??= this.#createBuffer();
    const size = this.#file.read(this.#buffer.bytes, slot * this.#imageSize);
    this.#first = slot;
    this.#end = slot + Math.floor(size / this.#imageSize);
  }

  #createBuffer(): ImageBuffer {
    const size = this.#imageSize;
    const buffer = new ImageBuffer(this.#slotCount * size);
    for (let at = 0; at < buffer.bytes.length; at += size) {
      this.#images.push({
        image: new DataView(buffer.bytes.buffer, at, size),
        page: buffer.bytes.subarray(at + IMAGE_HEADER_SIZE, at + size),
      });
    }
    return buffer;
  }
}
