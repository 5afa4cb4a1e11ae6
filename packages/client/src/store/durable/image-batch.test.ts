import { toPageSize, toVolumeId } from "@graft/core";
import { expect, it } from "vitest";
import { ImageBatch } from "./image-batch.ts";
import { IMAGE_HEADER_SIZE, imageSizeOf, PageImageCodec } from "./page-image.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const codec = new PageImageCodec(volumeId);

it.each([512, 4096, 65_536])("slots that follow each other are one write: %i bytes", (size) => {
  const imageSize = imageSizeOf(toPageSize(size));
  const batch = new ImageBatch(codec, imageSize);
  const image = (page: number) => ({ page, version: 3, data: new Uint8Array(size).fill(page) });
  let slot = 10;
  for (; batch.takes(slot); slot++) batch.add(slot, image(slot));
  expect(batch.takes(9)).toBe(false);
  expect([batch.first, batch.count]).toEqual([10, slot - 10]);
  expect(batch.count).toBe(Math.floor((256 * 1024) / imageSize));
  const bytes = batch.take();
  for (let at = 10; at < slot; at++) {
    const from = (at - 10) * imageSize;
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, imageSize);
    expect(codec.isValid(view, at, 3)).toBe(true);
    expect(view.getUint8(IMAGE_HEADER_SIZE)).toBe(at & 0xff);
  }
  expect([batch.count, batch.takes(77)]).toEqual([0, true]);
  batch.add(77, image(1));
  expect([batch.takes(79), batch.takes(78)]).toEqual([false, true]);
});
