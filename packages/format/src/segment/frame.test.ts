import {
  createVolumeId,
  encodeHex,
  type Page,
  type PageSize,
  pageSetOf,
  toPageIndex,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import {
  arbitraryPageData,
  arbitraryPageIndex,
  SeededRandom,
  SimulatedClock,
} from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame, type Frame, frameHash } from "./frame.ts";
import { framePageCountMax } from "./segment-layout.ts";

const ids = { random: new SeededRandom(1), clock: new SimulatedClock() };
const volumeId = createVolumeId(ids);
const SMALL = toPageSize(512);
const objectName = "volumes/x/segments/y";

const page = (index: number, fill: number, size: number = SMALL): Page => ({
  index: toPageIndex(index),
  data: new Uint8Array(size).fill(fill),
});
const noise = (index: number, size: number = SMALL): Page => {
  const data = new Uint8Array(size);
  ids.random.fill(data);
  return { index: toPageIndex(index), data };
};
const decode = (frame: Frame, pageSize: PageSize = SMALL, vid: VolumeId = volumeId) =>
  decodeFrame(frame, { volumeId: vid, pageSize, objectName }, compute);

const pageLists = fc
  .uniqueArray(fc.tuple(arbitraryPageIndex(), arbitraryPageData(SMALL)), {
    minLength: 1,
    maxLength: 64,
    selector: ([index]) => index,
  })
  .map((list) => list.map(([index, data]) => ({ index, data })).sort((a, b) => a.index - b.index));

describe("a frame", () => {
  test("gives back its pages", async () => {
    await fc.assert(
      fc.asyncProperty(pageLists, async (pages) => {
        const frame = await encodeFrame(pages, { volumeId, pageSize: SMALL }, compute);
        expect(await decode(frame)).toEqual(pages);
        expect(frame.data.length).toBeLessThanOrEqual(pages.length * SMALL);
      }),
    );
  });

  test("is compressed only when that makes it smaller", async () => {
    const context = { volumeId, pageSize: SMALL };
    expect(await encodeFrame([page(1, 7)], context, compute)).toMatchObject({ codec: "zstd" });
    const raw = await encodeFrame([noise(1)], context, compute);
    expect(raw.codec).toBe("raw");
    expect(raw.data).toHaveLength(SMALL);
  });

  test.each([
    [512, 64],
    [4096, 64],
    [8192, 32],
    [65_536, 4],
  ])("of pages of %i bytes holds %i of them and not one more", async (size, countMax) => {
    const pageSize = toPageSize(size);
    expect(framePageCountMax(pageSize)).toBe(countMax);
    const pages = Array.from({ length: countMax }, (_, at) => noise(at + 1, size));
    const greatest = await encodeFrame(pages, { volumeId, pageSize }, compute);
    expect(greatest).toMatchObject({ codec: "raw" });
    expect(await decode(greatest, pageSize)).toEqual(pages);
    const over = [...pages, noise(countMax + 1, size)];
    await expect(encodeFrame(over, { volumeId, pageSize }, compute)).rejects.toThrow(
      "a frame holds",
    );
    const forged = {
      ...greatest,
      pageSet: pageSetOf(over.map(({ index }) => index)),
      data: new Uint8Array(over.length * size),
    };
    await expect(decode(forged, pageSize)).rejects.toThrow(
      `expected 1 … ${countMax} pages, got ${countMax + 1}`,
    );
  });

  test("is refused when anything that its hash covers is another", async () => {
    const pages = [page(1, 1), page(2, 2)];
    const frame = await encodeFrame(pages, { volumeId, pageSize: SMALL }, compute);
    const refused = `${objectName} is corrupt: frame of pages`;
    const moved = { ...frame, pageSet: pageSetOf([1, 3].map(toPageIndex)) };
    await expect(decode(moved)).rejects.toThrow(`${refused} 1 … 3: its hash does not match`);
    await expect(decode(frame, SMALL, createVolumeId(ids))).rejects.toThrow("hash does not match");
    const swapped = await encodeFrame(
      [page(1, 2), page(2, 1)],
      { volumeId, pageSize: SMALL },
      compute,
    );
    await expect(decode({ ...swapped, hash: frame.hash })).rejects.toThrow("hash does not match");
    const hash = frame.hash.slice();
    hash[15] = (hash[15] ?? 0) ^ 1;
    await expect(decode({ ...frame, hash })).rejects.toThrow("hash does not match");
  });

  test("that does not decompress is refused, naming the object", async () => {
    const frame = await encodeFrame([page(1, 1)], { volumeId, pageSize: SMALL }, compute);
    const junk = { ...frame, data: Uint8Array.of(1, 2, 3) };
    await expect(decode(junk)).rejects.toThrow(`${objectName} is corrupt: frame of page 1: `);
    const two = { ...frame, pageSet: pageSetOf([1, 2].map(toPageIndex)) };
    await expect(decode(two)).rejects.toMatchObject({ code: "corrupt" });
  });

  test("has a hash over length-prefixed domain, volume, indexes and pages", () => {
    // Fixed once: another value is another format.
    const bytes = new Uint8Array(16).fill(1);
    bytes[0] = 0x80;
    const vid = fixedVolumeId();
    const hash = frameHash(pageSetOf([toPageIndex(5)]), new Uint8Array(512).fill(9), vid, compute);
    const parts = [
      new TextEncoder().encode("graft-frame-v1"),
      bytes,
      Uint8Array.of(0, 0, 0, 5),
      new Uint8Array(512).fill(9),
    ];
    const message = parts.flatMap((part) => {
      const size = new Uint8Array(4);
      new DataView(size.buffer).setUint32(0, part.length);
      return [size, part];
    });
    expect(encodeHex(hash)).toBe(encodeHex(compute.sha256(...message).subarray(0, 16)));
  });
});

/** 0x80 and fifteen ones. */
function fixedVolumeId(): VolumeId {
  const fill = (target: Uint8Array): void => void target.fill(1);
  const nowMs = (): number => 0x0101_0101_0101;
  return createVolumeId({ random: { fill }, clock: { ...ids.clock, nowMs } as SimulatedClock });
}
