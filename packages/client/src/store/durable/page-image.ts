/**
 * A page with what proves that it is the right one: what a slot of `pages` and a commit in the log
 * hold (docs/formats/local-store.md, "Slot").
 *
 * ```
 * 0   4   checksum of 4 … end; seed = XXH32 of the volume id
 * 4   4   page index
 * 8   8   version
 * 16  16  volume id
 * 32      the page
 * ```
 */
import { gidBytes, type PageSize, type VolumeId } from "@graft/core";
import { xxh32, xxh32Of } from "./xxh32.ts";

const IMAGE = { checksum: 0, page: 4, versionLow: 8, versionHigh: 12, volumeId: 16 } as const;
export const IMAGE_HEADER_SIZE = 32;
const TWO_32 = 0x1_0000_0000;

/** Bytes a page takes in a slot or in the log. */
export function imageSizeOf(pageSize: PageSize): number {
  return IMAGE_HEADER_SIZE + pageSize;
}

/** Writes and checks the page images of one volume. */
export class PageImageCodec {
  readonly #volumeIdBytes: Uint8Array;
  readonly #seed: number;

  constructor(volumeId: VolumeId) {
    this.#volumeIdBytes = gidBytes(volumeId);
    this.#seed = xxh32Of(this.#volumeIdBytes);
  }

  /** Fills `target`, from `offset` on, with the image of a page. */
  encode(
    target: ImageBuffer,
    offset: number,
    image: { readonly page: number; readonly version: number; readonly data: Uint8Array },
  ): void {
    const { bytes, view } = target;
    bytes.set(image.data, offset + IMAGE_HEADER_SIZE);
    bytes.set(this.#volumeIdBytes, offset + IMAGE.volumeId);
    view.setUint32(offset + IMAGE.page, image.page, true);
    const end = offset + IMAGE_HEADER_SIZE + image.data.length;
    this.stamp(target, offset, end, image.version);
  }

  /** Gives an image another version. */
  stamp(target: ImageBuffer, offset: number, end: number, version: number): void {
    const { view } = target;
    view.setUint32(offset + IMAGE.versionLow, version % TWO_32, true);
    view.setUint32(offset + IMAGE.versionHigh, Math.floor(version / TWO_32), true);
    const checksum = xxh32(view, offset + IMAGE.page, end, this.#seed);
    view.setUint32(offset + IMAGE.checksum, checksum, true);
  }

  /** Whether these bytes are a whole image of this page version. */
  isValid(image: DataView, page: number, version: number): boolean {
    return (
      image.getUint32(IMAGE.page, true) === page &&
      image.getUint32(IMAGE.versionLow, true) === version % TWO_32 &&
      image.getUint32(IMAGE.versionHigh, true) === Math.floor(version / TWO_32) &&
      image.getUint32(IMAGE.checksum, true) ===
        xxh32(image, IMAGE.page, image.byteLength, this.#seed)
    );
  }
}

/** Bytes and a view of the same bytes, made once. */
export class ImageBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
}
