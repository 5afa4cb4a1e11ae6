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
  const preamble = hashedPreamble(pageSet, pages.length * context.pageSize, context.volumeId);
  // What is hashed lies in one piece: a quarter of a MiB need not be copied once more for it.
  const hashed = concatBytes([preamble, ...pages.map((page) => page.data)]);
  const raw = hashed.subarray(preamble.length);
  const [digest, zstd] = await Promise.all([compute.digest(hashed), compute.compress(raw)]);
  const hash = digest.slice(0, FRAME_HASH_SIZE);
  const isSmaller = zstd.length < raw.length;
  if (isSmaller) releaseBytes(hashed);
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
  const preamble = hashedPreamble(frame.pageSet, raw.length, context.volumeId);
  const digest = await compute.digest(preamble, raw);
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
  const preamble = hashedPreamble(pageSet, raw.length, volumeId);
  return compute.sha256(preamble, raw).slice(0, FRAME_HASH_SIZE);
}

/** What is hashed before the pages: all other parts, each with its size, and the pages' size. */
function hashedPreamble(pageSet: PageSet, rawSize: number, volumeId: VolumeId): Uint8Array {
  const id = gidBytes(volumeId);
  const indexesSize = pageSet.cardinality * 4;
  const bytes = new Uint8Array(4 + DOMAIN.length + 4 + id.length + 4 + indexesSize + 4);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of [DOMAIN, id]) {
    view.setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  view.setUint32(at, indexesSize);
  for (let index = pageSet.first; index !== undefined; index = pageSet.firstFrom(index + 1)) {
    at += 4;
    view.setUint32(at, index);
  }
  view.setUint32(at + 4, rawSize);
  return bytes;
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

function describePages(pageSet: PageSet): string {
  return pageSet.cardinality === 1
    ? `page ${pageSet.first}`
    : `pages ${pageSet.first} … ${pageSet.last}`;
}
