import { zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../bytes/compare.ts";
import { encodeHex } from "../bytes/hex.ts";
import { outlineZstdFrame } from "../bytes/zstd-frame.ts";
import { randomBytes } from "../random.ts";
import { arbitraryBytes } from "../testing/arbitraries.ts";
import { SeededRandom } from "../testing/seeded-random.ts";
import { nodeCompute } from "./node-compute.ts";

const corrupt = expect.objectContaining({ name: "GraftError", code: "corrupt" });

/** 1,000 times "a" and 500 times "b", as a streaming encoder frames them. */
const UNKNOWN_SIZE = unknownSizeFrame();

test.each([
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
])("SHA-256 of %j, whole or in parts", (text, digest) => {
  const bytes = new TextEncoder().encode(text);
  expect(encodeHex(nodeCompute.sha256(bytes))).toBe(digest);
  expect(encodeHex(nodeCompute.sha256(bytes.subarray(0, 1), bytes.subarray(1)))).toBe(digest);
});

test.each([0, 1, 64 * 1024 - 1, 64 * 1024, 300_000])(
  "a digest of %d bytes, whole or in parts, is their SHA-256",
  async (size) => {
    const bytes = randomBytes(new SeededRandom(size), size);
    const hash = nodeCompute.sha256(bytes);
    expect(await nodeCompute.digest(bytes)).toEqual(hash);
    expect(await nodeCompute.digest(bytes.subarray(0, 1), bytes.subarray(1))).toEqual(hash);
  },
);

describe("compress and decompress", () => {
  test("make the round trip", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryBytes(0, 5000), async (bytes) => {
        const frame = await nodeCompute.compress(bytes);
        expect(await nodeCompute.decompress(frame, bytes.length)).toEqual(bytes);
      }),
      { numRuns: 50 },
    );
  });

  test.each([0, 1, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 64 * 1024 + 1, 3_000_000])(
    "of %d bytes give plain arrays that hold nothing else",
    async (size) => {
      const content = randomBytes(new SeededRandom(size), size);
      const frame = await nodeCompute.compress(content);
      const again = await nodeCompute.decompress(frame, size);
      expect(again).toEqual(content);
      for (const bytes of [frame, again]) {
        expect(bytes.constructor).toBe(Uint8Array);
        expect(bytes.buffer.byteLength).toBe(bytes.length);
      }
    },
  );
});

describe("decompress refuses", () => {
  const content = new Uint8Array(1000).fill(97);
  const frame = new Uint8Array(zstdCompressSync(content));
  const changed = (at: number, value: number): Uint8Array => frame.with(at, value);

  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["bytes that are no frame", new Uint8Array(40).fill(7)],
    ["bytes after the frame", concatBytes([frame, Uint8Array.of(0)])],
    ["a second frame", concatBytes([frame, frame])],
    ["a skippable frame before it", concatBytes([skippable(), frame])],
    ["a frame of fewer bytes", new Uint8Array(zstdCompressSync(content.subarray(1)))],
    ["a frame of more bytes", new Uint8Array(zstdCompressSync(new Uint8Array(1001)))],
    ["a reserved bit", changed(4, (frame[4] ?? 0) | 0x08)],
    ["a bomb", new Uint8Array(zstdCompressSync(new Uint8Array(64 * 1024 * 1024)))],
    ["a window of 3 TiB", hugeWindow()],
  ])("%s", async (_, bytes) => {
    await expect(nodeCompute.decompress(bytes, content.length)).rejects.toThrow(corrupt);
  });

  test("a frame cut anywhere", async () => {
    for (let size = 0; size < frame.length; size++) {
      const cut = frame.subarray(0, size);
      await expect(nodeCompute.decompress(cut, content.length)).rejects.toThrow(corrupt);
    }
  });

  test("any frame with a byte changed, or gives exactly as many bytes as were asked for", async () => {
    const random = new SeededRandom(1);
    const source = concatBytes([randomBytes(random, 700), new Uint8Array(300)]);
    const sound = new Uint8Array(zstdCompressSync(source));
    for (let run = 0; run < 300; run++) {
      const rotten = sound.with(random.integer(0, sound.length - 1), random.integer(0, 255));
      const outcome = await nodeCompute.decompress(rotten, 1000).catch((error: unknown) => error);
      if (outcome instanceof Uint8Array) expect(outcome).toHaveLength(1000);
      else expect(outcome).toMatchObject({ name: "GraftError", code: "corrupt" });
    }
  });
});

describe("a frame that does not say its size", () => {
  test("is read when it holds what is expected", async () => {
    expect(outlineZstdFrame(UNKNOWN_SIZE).contentSize).toBeUndefined();
    const content = await nodeCompute.decompress(UNKNOWN_SIZE, 1500);
    expect(new TextDecoder().decode(content)).toBe("a".repeat(1000) + "b".repeat(500));
  });

  test.each([0, 1, 1499, 1501, 100_000])("is refused when %d bytes are expected", async (size) => {
    await expect(nodeCompute.decompress(UNKNOWN_SIZE, size)).rejects.toThrow(corrupt);
  });
});

/** Window descriptor 0x58 (2 MiB), no content size, two run-length blocks. */
function unknownSizeFrame(): Uint8Array {
  const header = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
  return Uint8Array.of(...header, ...runBlock(1000, "a", false), ...runBlock(500, "b", true));
}

function runBlock(size: number, letter: string, isLast: boolean): readonly number[] {
  const header = (size << 3) | (1 << 1) | (isLast ? 1 : 0);
  return [header & 0xff, (header >> 8) & 0xff, header >> 16, letter.charCodeAt(0)];
}

function hugeWindow(): Uint8Array {
  return UNKNOWN_SIZE.with(5, 0xff);
}

function skippable(): Uint8Array {
  return Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2);
}
