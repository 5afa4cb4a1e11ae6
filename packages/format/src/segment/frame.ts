/**
 * A frame: an independently compressed run of at most 64 pages and 256 KiB, in a segment or
 * inside a commit.
 *
 * Its hash is the first 16 bytes of SHA-256 over these parts, each with its size in front (u32,
 * big-endian): the domain `graft-frame-v1`, the 16 bytes of the volume id, the page indexes
 * ascending (u32 each, big-endian), the uncompressed pages in that order. So a page cannot pass
 * for another page, nor for a page of another volume, and no two contents run together.
 */
import {
  type Compute,
  concatBytes,
  equalBytes,
  GraftError,
  gidBytes,
  invariant,
  type Page,
  type PageSet,
  type PageSize,
  pageSetOf,
  releaseBytes,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { corrupt } from "../corrupt.ts";
import { framePageCountMax } from "./segment-layout.ts";
import { FRAME_HASH_SIZE, type FrameCodec } from "./segment-ref.ts";

/** An encoded frame. */
export interface Frame {
  /** The pages in it, ascending: their order in the data. */
  readonly pageSet: PageSet;
  readonly codec: FrameCodec;
  /** 16 bytes: see `frameHash`. */
  readonly hash: Uint8Array;
  /** As stored. Raw: exactly the pages. zstd: fewer bytes than that. */
  readonly data: Uint8Array;
}

/** Which volume the pages belong to. For a segment that is its owner. */
export interface FrameContext {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
}

const DOMAIN = new TextEncoder().encode("graft-frame-v1");

/**
 * Packs pages into one frame: compressed when that makes it smaller, else raw.
 *
 * @param pages ascending by index, none twice, each of the page size; at most `framePageCountMax`
 */
export async function encodeFrame(
  pages: readonly Page[],
  context: FrameContext,
  compute: Compute,
): Promise<Frame> {
  const countMax = framePageCountMax(context.pageSize);
  invariant(pages.length > 0 && pages.length <= countMax, `a frame holds 1 … ${countMax} pages`);
  let previous = 0;
  for (const page of pages) {
    invariant(page.index > previous, "the pages of a frame ascend");
    invariant(page.data.length === context.pageSize, "a page of a frame has the page size");
    previous = page.index;
  }
  const pageSet = pageSetOf(pages.map((page) => page.index));
  const raw = concatBytes(pages.map((page) => page.data));
  const parts = hashedParts(pageSet, raw, context.volumeId);
  const [digest, zstd] = await Promise.all([compute.digest(...parts), compute.compress(raw)]);
  const hash = digest.slice(0, FRAME_HASH_SIZE);
  const isSmaller = zstd.length < raw.length;
  if (isSmaller) releaseBytes(raw);
  return isSmaller
    ? { pageSet, codec: "zstd", hash, data: zstd }
    : { pageSet, codec: "raw", hash, data: raw };
}

/**
 * Unpacks a frame and verifies its hash: what it gives is what was encoded, at the indexes it was
 * encoded for. The pages are views of one buffer (for a raw frame: of `frame.data`); do not write
 * to them.
 *
 * @param objectName which object the frame came from, for errors
 * @throws GraftError `corrupt`: too many pages, a wrong size, or another content than the hash says
 */
export async function decodeFrame(
  frame: Frame,
  context: FrameContext & { readonly objectName: string },
  compute: Compute,
): Promise<readonly Page[]> {
  const { pageSize, objectName } = context;
  const fault = frameFault({ ...frame, size: frame.data.length }, pageSize);
  if (fault !== undefined) throw corrupt(objectName, fault);
  const raw = await decompress(frame, pageSize, objectName, compute);
  const digest = await compute.digest(...hashedParts(frame.pageSet, raw, context.volumeId));
  const hash = digest.subarray(0, FRAME_HASH_SIZE);
  if (!equalBytes(hash, frame.hash)) {
    throw corrupt(objectName, `frame of ${describePages(frame.pageSet)}: its hash does not match`);
  }
  const pages: Page[] = [];
  for (const index of frame.pageSet) {
    const at = pages.length * pageSize;
    pages.push({ index: toPageIndex(index), data: raw.subarray(at, at + pageSize) });
  }
  return pages;
}

/**
 * The hash of a frame.
 *
 * @param raw the uncompressed pages, back to back, in the order of the set
 */
export function frameHash(
  pageSet: PageSet,
  raw: Uint8Array,
  volumeId: VolumeId,
  compute: Compute,
): Uint8Array {
  return compute.sha256(...hashedParts(pageSet, raw, volumeId)).slice(0, FRAME_HASH_SIZE);
}

function hashedParts(pageSet: PageSet, raw: Uint8Array, volumeId: VolumeId): readonly Uint8Array[] {
  const indexes = new Uint8Array(pageSet.cardinality * 4);
  const view = new DataView(indexes.buffer);
  let at = 0;
  for (const index of pageSet) {
    view.setUint32(at, index);
    at += 4;
  }
  return [DOMAIN, gidBytes(volumeId), indexes, raw].flatMap((part) => [sizeOf(part), part]);
}

/** What is wrong with the shape of a frame, as a sentence; undefined when nothing is. */
export function frameFault(
  frame: Pick<Frame, "pageSet" | "codec"> & { readonly size: number },
  pageSize: PageSize,
): string | undefined {
  const count = frame.pageSet.cardinality;
  const countMax = framePageCountMax(pageSize);
  const name = `frame of ${describePages(frame.pageSet)}`;
  if (count < 1 || count > countMax) return `${name}: expected 1 … ${countMax} pages, got ${count}`;
  const rawSize = count * pageSize;
  if (frame.codec === "raw" && frame.size !== rawSize) {
    return `${name}: expected ${rawSize} bytes of raw pages, got ${frame.size}`;
  }
  if (frame.codec === "zstd" && (frame.size < 1 || frame.size >= rawSize)) {
    return `${name}: expected 1 … ${rawSize - 1} compressed bytes, got ${frame.size}`;
  }
  return undefined;
}

async function decompress(
  frame: Frame,
  pageSize: PageSize,
  objectName: string,
  compute: Compute,
): Promise<Uint8Array> {
  if (frame.codec === "raw") return frame.data;
  try {
    return await compute.decompress(frame.data, frame.pageSet.cardinality * pageSize);
  } catch (cause) {
    if (!(cause instanceof GraftError)) throw cause;
    const name = `frame of ${describePages(frame.pageSet)}`;
    throw corrupt(objectName, `${name}: ${cause.message}`, { cause });
  }
}

function sizeOf(part: Uint8Array): Uint8Array {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, part.length);
  return size;
}

function describePages(pageSet: PageSet): string {
  return pageSet.cardinality === 1
    ? `page ${pageSet.first}`
    : `pages ${pageSet.first} … ${pageSet.last}`;
}
