/** One frame, or one page, of what holds many. */
import { type Compute, GraftError, type Page, type PageSize, type VolumeId } from "@graft/core";
import {
  decodeCommitRecord,
  decodeFrame,
  type Frame,
  frameOf,
  type SegmentRef,
  segmentRefOf,
} from "@graft/format";
import type { ByteSource } from "./byte-source.ts";
import { segmentFooterOf } from "./describe-segment.ts";
import type { Inspection } from "./facts.ts";
import { decodeDatabaseHeader } from "./page/database-header.ts";
import { describePage, pageKind } from "./page/describe-page.ts";
import { type Format, readObject } from "./source-format.ts";

/** Frames that lie in one object, and what decodes them. */
interface FramesHere {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  readonly frames: readonly Frame[];
  /** Pages of the object that lie in other objects. */
  readonly elsewhere: readonly SegmentRef[];
}

/** A frame of a segment or a commit, with what its pages are. @throws GraftError */
export async function inspectFrame(
  source: ByteSource,
  format: Format,
  at: number,
  compute: Compute,
): Promise<Inspection> {
  const here = await framesOf(source, format, compute);
  const frame = here.frames[at];
  if (frame === undefined) {
    const known = here.frames.length === 0 ? "it has none" : `it has 0 … ${here.frames.length - 1}`;
    throw new GraftError("invalid-argument", `"${source.name}" has no frame ${at}: ${known}`);
  }
  const pages = await decodeFrame(frame, { ...here, objectName: source.name }, compute);
  const facts = {
    volume: here.volumeId,
    frame: at,
    codec: frame.codec,
    size: frame.data.length,
    hash: frame.hash,
    pageSize: here.pageSize,
    pages: pages.map(({ index, data }) => ({ page: index, is: pageKind(data, index) })),
  };
  return { kind: "frame", facts, bytes: frame.data };
}

/** A page of a database, a segment or a commit. @throws GraftError */
export async function inspectPageOf(
  source: ByteSource,
  format: Format,
  index: number,
  compute: Compute,
): Promise<Inspection> {
  if (format === "page") return describePage(await source.read(0, source.size), index);
  const readPage =
    format === "database" ? await databasePages(source) : await framePages(source, format, compute);
  const page = await readPage(index);
  if (page !== undefined) return describePage(page, index, readPage);
  throw new GraftError("not-found", `page ${index} is not in "${source.name}"`);
}

async function databasePages(
  source: ByteSource,
): Promise<(index: number) => Promise<Uint8Array | undefined>> {
  const { pageSize } = decodeDatabaseHeader(await source.read(0, 100));
  if (pageSize < 512 || !Number.isInteger(Math.log2(pageSize))) {
    throw new GraftError("corrupt", `"${source.name}" has a page size of ${pageSize}`);
  }
  return async (index) => {
    const page = await source.read((index - 1) * pageSize, pageSize);
    return page.length === pageSize ? page : undefined;
  };
}

async function framePages(
  source: ByteSource,
  format: Format,
  compute: Compute,
): Promise<(index: number) => Promise<Uint8Array | undefined>> {
  const here = await framesOf(source, format, compute);
  const decoded = new Map<Frame, readonly Page[]>();
  return async (index) => {
    const frame = here.frames.find(({ pageSet }) => pageSet.contains(index));
    if (frame === undefined) return mustNotBeElsewhere(source, index, here);
    const pages =
      decoded.get(frame) ??
      (await decodeFrame(frame, { ...here, objectName: source.name }, compute));
    decoded.set(frame, pages);
    return pages.find((page) => page.index === index)?.data;
  };
}

function mustNotBeElsewhere(source: ByteSource, index: number, here: FramesHere): undefined {
  const ref = here.elsewhere.find(({ pageSet }) => pageSet.contains(index));
  if (ref === undefined || index === 1) return undefined;
  throw new GraftError(
    "not-found",
    `page ${index} is not in "${source.name}" itself: inspect segment ${ref.segmentId} with --page`,
  );
}

async function framesOf(source: ByteSource, format: Format, compute: Compute): Promise<FramesHere> {
  const bytes = await readObject(source);
  if (format === "segment") {
    const footer = segmentFooterOf(bytes, source.name, compute);
    const ref = segmentRefOf(footer);
    const frames = footer.frames.map((entry) =>
      frameOf(ref, entry, bytes.subarray(entry.offset, entry.offset + entry.size), source.name),
    );
    return { volumeId: footer.volumeId, pageSize: footer.pageSize, frames, elsewhere: [] };
  }
  if (format === "commit") {
    const record = decodeCommitRecord(bytes, compute, { objectName: source.name });
    const { volumeId, pageSize, inlineFrames, segments } = record;
    return { volumeId, pageSize, frames: inlineFrames, elsewhere: segments };
  }
  throw new GraftError(
    "invalid-argument",
    `"${source.name}" is a ${format}, which holds no pages: name a segment, a commit, a local ` +
      "store, a database or a page",
  );
}
