import { ImageBuffer, type PageImageCodec } from "./page-image.ts";

/** Bytes written at once: 63 pages of 4 KiB. A call costs as much as copying one page. */
const BATCH_SIZE = 256 * 1024;

/** Images of slots that follow each other, put together for one write. */
export class ImageBatch {
  readonly #codec: PageImageCodec;
  readonly #imageSize: number;
  readonly #buffer: ImageBuffer;
  #first = 0;
  #count = 0;

  constructor(codec: PageImageCodec, imageSize: number) {
    this.#codec = codec;
    this.#imageSize = imageSize;
    this.#buffer = new ImageBuffer(Math.max(1, Math.floor(BATCH_SIZE / imageSize)) * imageSize);
  }

  get first(): number {
    return this.#first;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether the slot comes next, and there is room. */
  takes(slot: number): boolean {
    if (this.#count === 0) return true;
    const isNext = slot === this.#first + this.#count;
    return isNext && (this.#count + 1) * this.#imageSize <= this.#buffer.bytes.length;
  }

  add(
    slot: number,
    image: { readonly page: number; readonly version: number; readonly data: Uint8Array },
  ): void {
    if (this.#count === 0) this.#first = slot;
    this.#codec.encode(this.#buffer, this.#count * this.#imageSize, image);
    this.#count++;
  }

  /** The images, and forgets them. A view, valid until the next `add`. */
  take(): Uint8Array {
    const bytes = this.#buffer.bytes.subarray(0, this.#count * this.#imageSize);
    this.#count = 0;
    return bytes;
  }
}
