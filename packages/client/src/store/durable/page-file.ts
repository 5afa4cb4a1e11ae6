/**
 * The slots of a store: page images in `pages`, verified whenever they are read.
 *
 * The rule: no record names a slot before what it holds is durable. A slot may hold an older image
 * of the same page and version (of a transaction that was rolled back, say), and after a power loss
 * nothing could tell the two apart.
 */
import type { File, PageSize, VolumeId } from "@graft/core";
import { GraftError, invariant } from "@graft/core";
import { ImageBatch } from "./image-batch.ts";
import { SLOT_COUNT_MAX } from "./location.ts";
import { IMAGE_HEADER_SIZE, ImageBuffer, imageSizeOf, PageImageCodec } from "./page-image.ts";
import { ReadWindow } from "./read-window.ts";
import { SlotAllocator } from "./slot-allocator.ts";
import { SlotSet } from "./slot-set.ts";

export class PageFile {
  readonly path: string;
  readonly slots: SlotAllocator = new SlotAllocator();
  readonly codec: PageImageCodec;
  readonly #file: File;
  /** Undefined until the page size is known. */
  #window: ReadWindow | undefined;
  /** Bytes a slot takes; 0 until the page size is known. */
  #imageSize = 0;
  #image = new ImageBuffer(0);
  #page: Uint8Array = new Uint8Array(0);
  /** Slots that were written since the last flush. */
  readonly #unsynced = new SlotSet();
  /**
   * Slots that were written before a flush that failed: they may never become durable, however many
   * flushes succeed later, unless they are written again.
   */
  readonly #suspect = new SlotSet();

  constructor(file: File, path: string, volumeId: VolumeId) {
    this.#file = file;
    this.path = path;
    this.codec = new PageImageCodec(volumeId);
  }

  get imageSize(): number {
    return this.#imageSize;
  }

  setPageSize(pageSize: PageSize): void {
    if (this.#imageSize === imageSizeOf(pageSize)) return;
    invariant(this.#imageSize === 0, "the page size of a store never changes");
    this.#imageSize = imageSizeOf(pageSize);
    this.#image = new ImageBuffer(this.#imageSize);
    this.#window = new ReadWindow(this.#file, this.#imageSize);
    this.#page = this.#image.bytes.subarray(IMAGE_HEADER_SIZE);
  }

  /** Offset of a slot in the file. */
  offsetOf(slot: number): number {
    return slot * this.#imageSize;
  }

  /** Puts a page into a free slot, and says which. Not flushed. */
  write(image: {
    readonly page: number;
    readonly version: number;
    readonly data: Uint8Array;
  }): number {
    this.codec.encode(this.#image, 0, image);
    return this.#writeImage();
  }

  /**
   * Puts pages of one version into free slots, and says which, in the same order: neighbours with
   * one write. Not flushed.
   *
   * @throws GraftError `io`: no slot was taken
   */
  writeAll(
    version: number,
    pages: readonly (readonly [page: number, data: Uint8Array])[],
  ): readonly number[] {
    const batch = new ImageBatch(this.codec, this.#imageSize);
    const slots: number[] = [];
    try {
      for (const [page, data] of pages) {
        const slot = this.#allocate();
        slots.push(slot);
        if (!batch.takes(slot)) this.#writeBatch(batch);
        batch.add(slot, { page, version, data });
      }
      this.#writeBatch(batch);
      return slots;
    } catch (error) {
      for (const slot of slots) this.slots.giveBack(slot);
      throw error;
    }
  }

  /** Writes a slot again, for another version. The slot must be named by nobody yet. */
  restamp(slot: number, image: { page: number; from: number; to: number }): boolean {
    if (!this.#loadImage(this.#file, this.offsetOf(slot), image.page, image.from)) return false;
    this.codec.stamp(this.#image, 0, this.#imageSize, image.to);
    this.#writeAt(slot);
    return true;
  }

  /** Copies a page out of a slot; false when the slot does not hold this page version. */
  read(slot: number, page: number, version: number, target: Uint8Array): boolean {
    const ahead = this.#window?.seek(slot);
    if (ahead !== undefined && this.codec.isValid(ahead.image, page, version)) {
      target.set(ahead.page);
      return true;
    }
    return this.readImage(this.#file, this.offsetOf(slot), { page, version, target });
  }

  /** Other processes may have written any slot that this one does not name yet. */
  forgetAhead(): void {
    this.#window?.clear();
  }

  /** Like `read`, from any file that holds images. Allocates nothing. */
  readImage(
    file: File,
    offset: number,
    image: { readonly page: number; readonly version: number; readonly target: Uint8Array },
  ): boolean {
    if (!this.#loadImage(file, offset, image.page, image.version)) return false;
    image.target.set(this.#page);
    return true;
  }

  /** Copies an image from another file into a free slot; undefined when it is damaged there. */
  moveHere(file: File, offset: number, page: number, version: number): number | undefined {
    return this.#loadImage(file, offset, page, version) ? this.#writeImage() : undefined;
  }

  /** Copies the image in a slot into a free one before `end`. */
  moveWithin(
    slot: number,
    page: number,
    version: number,
    end: number,
  ): number | "full" | "damaged" {
    if (this.slots.freeCount === 0) return "full";
    if (!this.#loadImage(this.#file, this.offsetOf(slot), page, version)) return "damaged";
    const target = this.#writeImage();
    if (target < end) return target;
    this.slots.giveBack(target);
    return "full";
  }

  /** Makes the file end with these slots. What fails is tried again some day. */
  cutTo(count: number): void {
    if (count >= this.slots.count) return;
    this.slots.cutTo(count);
    try {
      this.#file.truncate(this.offsetOf(count));
    } catch {
      return;
    }
  }

  /** Makes all slots durable that were written. */
  sync(): void {
    if (this.#unsynced.count === 0) return;
    try {
      this.#file.sync();
    } catch (error) {
      for (const slot of this.#unsynced.members()) this.#suspect.add(slot);
      throw error;
    } finally {
      this.#unsynced.clear();
    }
  }

  /** Whether a record may name the slot: what it holds is durable. */
  isDurable(slot: number): boolean {
    return !this.#unsynced.has(slot) && !this.#suspect.has(slot);
  }

  /** Whether the slot must be written again before a flush makes it durable. */
  isSuspect(slot: number): boolean {
    return this.#suspect.has(slot);
  }

  close(): void {
    this.#file.close();
  }

  #loadImage(file: File, offset: number, page: number, version: number): boolean {
    const image = this.#image;
    if (file.read(image.bytes, offset) < this.#imageSize) return false;
    return this.codec.isValid(image.view, page, version);
  }

  #writeImage(): number {
    const slot = this.#allocate();
    try {
      this.#writeAt(slot);
    } catch (error) {
      this.slots.giveBack(slot);
      throw error;
    }
    return slot;
  }

  #allocate(): number {
    const { slots } = this;
    if (slots.freeCount > 0 || slots.count < SLOT_COUNT_MAX) return slots.allocate();
    const why = `"${this.path}" has ${SLOT_COUNT_MAX} pages: evict some`;
    throw new GraftError("resource-exhausted", why);
  }

  #writeBatch(batch: ImageBatch): void {
    const { first, count } = batch;
    if (count === 0) return;
    for (let slot = first; slot < first + count; slot++) this.#window?.forget(slot);
    this.#file.write(batch.take(), this.offsetOf(first));
    for (let slot = first; slot < first + count; slot++) this.#noteWritten(slot);
  }

  #writeAt(slot: number): void {
    this.#window?.forget(slot);
    this.#file.write(this.#image.bytes, this.offsetOf(slot));
    this.#noteWritten(slot);
  }

  #noteWritten(slot: number): void {
    this.#unsynced.add(slot);
    this.#suspect.delete(slot);
  }
}
