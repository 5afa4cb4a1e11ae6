import type { File } from "@graft/core";
import { ImageBuffer } from "./page-image.ts";

/** Bytes read at once from a file that is larger. */
const WINDOW_SIZE = 1024 * 1024;

/** Reads a file from front to back through a window of memory. */
export class FileWindow {
  readonly size: number;
  readonly #file: File;
  #buffer: ImageBuffer;
  #start = 0;
  #end = 0;

  /** @param size how much of the file counts · `bufferSize`: what is read at once */
  constructor(file: File, size: number = file.size(), bufferSize: number = size) {
    this.#file = file;
    this.size = size;
    this.#buffer = new ImageBuffer(Math.min(WINDOW_SIZE, bufferSize));
  }

  /**
   * Makes bytes [offset, offset + size) readable, and says where they begin in `view`; undefined
   * when the file ends before. What was made readable before is gone.
   */
  seek(offset: number, size: number): number | undefined {
    if (offset + size > this.size) return undefined;
    if (offset < this.#start || offset + size > this.#end) {
      if (size > this.#buffer.bytes.length) this.#buffer = new ImageBuffer(size);
      const count = this.#file.read(this.#buffer.bytes, offset);
      this.#start = offset;
      this.#end = offset + count;
      if (count < size) return undefined;
    }
    return offset - this.#start;
  }

  /** What the window shows. Valid until the next `seek`. */
  get view(): DataView {
    return this.#buffer.view;
  }

  get bytes(): Uint8Array {
    return this.#buffer.bytes;
  }
}
