/** From pages to segments. */
import {
  type Compute,
  concatBytes,
  GraftError,
  invariant,
  type Page,
  type PageSet,
  type PageSize,
  SEGMENT_SIZE_MAX,
  type SegmentId,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { encodedSize, Splinter } from "@graft/splinter";
import { MAGIC, RECORD } from "../record.ts";
import { encodeFrame, type Frame, type FrameContext } from "./frame.ts";
import { encodeSegmentFooter, type SegmentFooter, segmentRefOf } from "./segment-footer.ts";
import {
  framePageCountMax,
  SEGMENT_FOOTER_SIZE_MAX,
  SEGMENT_HEADER,
  SEGMENT_KIND,
  SEGMENT_PAGES_SIZE_MAX,
  SEGMENT_TRAILER,
  SEGMENT_VERSION,
  TRAILER_MAGIC,
} from "./segment-layout.ts";
import type { FrameEntry, SegmentRef } from "./segment-ref.ts";

/** Bytes of a footer body beside its page set and frames: two ids, a page size, tags and sizes. */
const FOOTER_FIXED_SIZE = 64;
/** Bytes of the greatest frame entry without a page set, with its tag and size. */
const FRAME_ENTRY_SIZE_MAX = 48;

/** A segment, ready to be stored. */
export interface BuiltSegment {
  /**
   * Its bytes, one part after the other: views of the frames that were added. Megabytes need not be
   * put together to be sent.
   */
  readonly parts: readonly Uint8Array[];
  /** The same in one piece; made anew each time it is asked for. */
  readonly bytes: Uint8Array;
  readonly footer: SegmentFooter;
  /** All of its pages, for a commit of the volume that owns it. */
  readonly ref: SegmentRef;
}

/** What the segment will say about itself. */
export interface SegmentBuilderOptions {
  readonly volumeId: VolumeId;
  readonly segmentId: SegmentId;
  readonly pageSize: PageSize;
}

/** Gathers frames, ascending by page, until the segment is full. Used up by `finish`. */
export class SegmentBuilder {
  readonly #options: SegmentBuilderOptions;
  readonly #frames: Uint8Array[] = [];
  readonly #entries: FrameEntry[] = [];
  readonly #pageSet: PageSet = new Splinter();
  /**
   * Sets take together at most what they take alone; the exact size would cost every frame a
   * walk.
   */
  #pageSetSizeMax = 0;
  #offset: number = SEGMENT_HEADER.size;

  constructor(options: SegmentBuilderOptions) {
    this.#options = options;
  }

  /** How many frames were added. */
  get frameCount(): number {
    return this.#entries.length;
  }

  /** Whether the segment stays within its limits with one more frame. */
  hasSpaceFor(frame: Frame): boolean {
    const pageCount = this.#pageSet.cardinality + frame.pageSet.cardinality;
    if (pageCount * this.#options.pageSize > SEGMENT_PAGES_SIZE_MAX) return false;
    const framesEnd = this.#offset + frame.data.length;
    const footerSize =
      RECORD.overhead +
      FOOTER_FIXED_SIZE +
      this.#pageSetSizeMax +
      encodedSize(frame.pageSet) +
      (this.#entries.length + 1) * FRAME_ENTRY_SIZE_MAX;
    if (footerSize > SEGMENT_FOOTER_SIZE_MAX) return false;
    return framesEnd + footerSize + SEGMENT_TRAILER.size <= SEGMENT_SIZE_MAX;
  }

  /** Adds a frame whose pages are above all others. Without space for it: broken code. */
  add(frame: Frame): void {
    const { first, last } = frame.pageSet;
    invariant(first !== undefined && last !== undefined, "a frame has a page");
    invariant(first > (this.#pageSet.last ?? 0), "the frames of a segment ascend");
    invariant(this.hasSpaceFor(frame), "the segment has space for the frame");
    this.#entries.push({
      firstPage: toPageIndex(first),
      lastPage: toPageIndex(last),
      offset: this.#offset,
      size: frame.data.length,
      codec: frame.codec,
      hash: frame.hash,
    });
    this.#frames.push(frame.data);
    this.#offset += frame.data.length;
    for (const range of frame.pageSet.ranges()) {
      this.#pageSet.insertRange(range.first, range.last);
    }
    this.#pageSetSizeMax += encodedSize(frame.pageSet);
  }

  /** The segment. Without a frame: broken code. */
  finish(compute: Compute): BuiltSegment {
    const described = { ...this.#options, pageSet: this.#pageSet, frames: this.#entries };
    const footerBytes = encodeSegmentFooter(described, compute);
    const parts = [encodeHeader(), ...this.#frames, footerBytes, encodeTrailer(footerBytes.length)];
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    invariant(size <= SEGMENT_SIZE_MAX, "a segment is at most 32 MiB");
    const footer: SegmentFooter = { ...described, size };
    return {
      parts,
      get bytes(): Uint8Array {
        return concatBytes(parts);
      },
      footer,
      ref: segmentRefOf(footer),
    };
  }
}

/**
 * One segment with these pages, its frames compressed side by side.
 *
 * @param pages ascending by index, none twice, at least one
 * @throws GraftError `resource-exhausted` when they do not fit one segment
 */
export async function buildSegment(
  pages: readonly Page[],
  options: SegmentBuilderOptions,
  compute: Compute,
): Promise<BuiltSegment> {
  if (pages.length * options.pageSize > SEGMENT_PAGES_SIZE_MAX) throw tooManyPages(pages.length);
  const builder = new SegmentBuilder(options);
  for (const frame of await encodeFrames(pages, options, compute)) {
    if (!builder.hasSpaceFor(frame)) throw tooManyPages(pages.length);
    builder.add(frame);
  }
  return builder.finish(compute);
}

/**
 * Packs pages into full frames, all at once: the caller bounds how many pages there are.
 *
 * @param pages ascending by index, none twice
 */
export async function encodeFrames(
  pages: readonly Page[],
  context: FrameContext,
  compute: Compute,
): Promise<readonly Frame[]> {
  const runs = splitIntoFrames(pages, context.pageSize);
  return Promise.all(runs.map((run) => encodeFrame(run, context, compute)));
}

/** Runs of as many pages as a frame holds; the last one holds the rest. */
export function splitIntoFrames(
  pages: readonly Page[],
  pageSize: PageSize,
): readonly (readonly Page[])[] {
  const countMax = framePageCountMax(pageSize);
  const runs: (readonly Page[])[] = [];
  for (let at = 0; at < pages.length; at += countMax) runs.push(pages.slice(at, at + countMax));
  return runs;
}

function encodeHeader(): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER.size);
  bytes.set(MAGIC, SEGMENT_HEADER.magic);
  bytes[SEGMENT_HEADER.kind] = SEGMENT_KIND;
  bytes[SEGMENT_HEADER.version] = SEGMENT_VERSION;
  return bytes;
}

function encodeTrailer(footerSize: number): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_TRAILER.size);
  new DataView(bytes.buffer).setUint32(SEGMENT_TRAILER.footerSize, footerSize);
  bytes.set(TRAILER_MAGIC, SEGMENT_TRAILER.magic);
  return bytes;
}

function tooManyPages(count: number): GraftError {
  return new GraftError(
    "resource-exhausted",
    `${count} pages do not fit a segment of ${SEGMENT_SIZE_MAX} bytes: write them in parts`,
    { details: { actual: count } },
  );
}
