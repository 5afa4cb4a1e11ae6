/**
 * The body of a commit record. Pages without a slot follow as images, in place: a commit is one
 * write.
 *
 * ```
 * 0   8  version
 * 8   4  page count
 * 12  4  page size; 0 when the commit has no page
 * 16  4  number of pages
 * 20  4  offset of the images from the record's start
 * 24     per page: index u32, slot u32 (0xffffffff = an image below)
 *        message, application's transaction id (texts), zeros up to the images
 * ```
 *
 * One that says what it read, or how to run it again, is of another kind, and has behind the texts:
 *
 * ```
 * 1      1 when the pages it read follow (page set), 0 when they are not known
 * 1      1 when a replay follows: size u32, checksum u32, its bytes
 * ```
 */

import type { PageCount, PageSet, PageSize } from "@graft/core";
import {
  ByteReader,
  BytesError,
  ByteWriter,
  invariant,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import { noteFieldsOf, REPLAY_SIZE_MAX, type ReplayPlace } from "../local-commit.ts";
import {
  readFlag,
  readReads,
  readText,
  readVersion,
  writeReads,
  writeText,
  writeVersion,
} from "./change-fields.ts";
import { isSlot, logLocation, NO_SLOT } from "./location.ts";
import { CHANGE_KINDS, type LogChange } from "./log-change.ts";
import type { BodySource, LogRecord } from "./log-reader.ts";
import { alignedSize, RECORD_HEADER_SIZE } from "./log-record.ts";
import type { LogWriter } from "./log-writer.ts";
import { imageSizeOf, type PageImageCodec } from "./page-image.ts";
import { PagePlaces, type PlacedList } from "./page-places.ts";
import { xxh32Of } from "./xxh32.ts";

/** By page size. */
const IMAGE_SIZES: ReadonlyMap<number, number> = new Map(
  [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536].map((size) => [size, size + 32]),
);

type CommitChange = Extract<LogChange, { kind: "commit" }>;

/** A commit whose pages lie in slots, or are still in memory. */
export interface CommitToWrite {
  readonly version: number;
  readonly pageCount: PageCount;
  readonly pageSize: PageSize | undefined;
  readonly pages: PlacedList<Location | Uint8Array>;
  readonly message: string | undefined;
  readonly appTransactionId: string | undefined;
  readonly reads: PageSet | undefined;
  readonly replay: Uint8Array | undefined;
}

/** Adds the record of a commit to a log, and says where its pages are then. */
export function appendCommit(
  log: LogWriter,
  codec: PageImageCodec,
  commit: CommitToWrite,
): CommitChange {
  const { version, pageCount, pageSize = 0 } = commit;
  const imageSize = pageSize === 0 ? 0 : imageSizeOf(pageSize);
  const { front, replay } = encodeFront(commit);
  const kind = hasNotes(commit) ? CHANGE_KINDS.notedCommit : CHANGE_KINDS.commit;
  const draft = log.begin(kind, front.length + inlineCount(commit) * imageSize);
  const source = { generation: log.generation, offset: draft.bodyFileOffset };
  draft.buffer.bytes.set(front, draft.bodyOffset);
  let offset = front.length;
  let at = 0;
  const pages = new PagePlaces(commit.pages.length);
  for (const [page, place] of commit.pages) {
    if (typeof place === "number") {
      pages.set(at++, page, place);
      continue;
    }
    codec.encode(draft.buffer, draft.bodyOffset + offset, { page, version, data: place });
    pages.set(at++, page, logLocation(log.base + draft.bodyFileOffset + offset));
    offset += imageSize;
  }
  log.seal();
  return {
    kind: "commit",
    version,
    pageCount,
    pageSize,
    pages,
    ...noteFieldsOf(commit),
    ...(replay !== undefined && { replay: placeOf(replay, source) }),
  };
}

function hasNotes({ reads, replay }: CommitToWrite): boolean {
  return reads !== undefined || replay !== undefined;
}

/** A replay in the body of a commit. */
interface ReplayField {
  /** Where its bytes are in the body. */
  readonly offset: number;
  readonly size: number;
  readonly checksum: number;
}

function placeOf({ offset, size, checksum }: ReplayField, source: BodySource): ReplayPlace {
  const { generation } = source;
  return { kind: "log", generation, offset: source.offset + offset, size, checksum };
}

function inlineCount({ pages }: CommitToWrite): number {
  let count = 0;
  for (const [, place] of pages) if (typeof place !== "number") count++;
  return count;
}

/** Everything before the images. */
function encodeFront(commit: CommitToWrite): {
  readonly front: Uint8Array;
  readonly replay: ReplayField | undefined;
} {
  const writer = new ByteWriter(64 + commit.pages.length * 8);
  writeVersion(writer, commit.version);
  writer.u32le(commit.pageCount).u32le(commit.pages.length === 0 ? 0 : (commit.pageSize ?? 0));
  writer.u32le(commit.pages.length).u32le(0);
  for (const [page, place] of commit.pages) {
    invariant(typeof place !== "number" || isSlot(place), "a page lies in a slot or in memory");
    writer.u32le(page).u32le(typeof place === "number" ? place : NO_SLOT);
  }
  writeText(writer, commit.message);
  writeText(writer, commit.appTransactionId);
  const replay = hasNotes(commit) ? writeNotes(writer, commit) : undefined;
  const imagesOffset = alignedSize(RECORD_HEADER_SIZE + writer.size);
  writer.bytes(new Uint8Array(imagesOffset - RECORD_HEADER_SIZE - writer.size));
  const front = writer.finish();
  new DataView(front.buffer, front.byteOffset).setUint32(20, imagesOffset, true);
  return { front, replay };
}

function writeNotes(writer: ByteWriter, { reads, replay }: CommitToWrite): ReplayField | undefined {
  writeReads(writer, reads);
  writer.u8(replay === undefined ? 0 : 1);
  if (replay === undefined) return undefined;
  const checksum = xxh32Of(replay);
  writer.u32le(replay.length).u32le(checksum);
  const offset = writer.size;
  writer.bytes(replay);
  return { offset, size: replay.length, checksum };
}

function readNotes(
  reader: ByteReader,
  source: BodySource,
): { reads?: PageSet; replay?: ReplayPlace } {
  const reads = readReads(reader);
  const hasReplay = readFlag(reader);
  let replay: ReplayPlace | undefined;
  if (hasReplay) {
    const size = reader.u32le();
    if (size > REPLAY_SIZE_MAX) throw new BytesError(`a replay of ${size} bytes`, reader.offset);
    const checksum = reader.u32le();
    replay = placeOf({ offset: reader.offset, size, checksum }, source);
    reader.bytes(size);
  }
  return { ...(reads !== undefined && { reads }), ...(replay !== undefined && { replay }) };
}

/** @throws BytesError or GraftError when the body is not one */
export function decodeCommit({ kind, body, bodyOffset, source }: LogRecord): CommitChange {
  const reader = new ByteReader(body);
  const version = readVersion(reader);
  const pageCount = toPageCount(reader.u32le());
  const pageSize = reader.u32le();
  const count = reader.u32le();
  let imageOffset = bodyOffset - RECORD_HEADER_SIZE + reader.u32le();
  const imageSize = IMAGE_SIZES.get(pageSize) ?? 0;
  if ((imageSize === 0) !== (count === 0)) {
    throw new BytesError(`${count} pages of ${pageSize} bytes`, reader.offset);
  }
  if (count * 8 > body.length) throw new BytesError(`${count} pages`, reader.offset);
  const pages = new PagePlaces(count);
  let last = 0;
  for (let at = 0; at < count; at++) {
    const page = toPageIndex(reader.u32le());
    const slot = reader.u32le();
    if (page > pageCount) throw new BytesError(`page ${page} of ${pageCount}`, reader.offset);
    if (page <= last) throw new BytesError(`page ${page} follows ${last}`, reader.offset);
    last = page;
    if (slot !== NO_SLOT && !isSlot(slot)) throw new BytesError(`slot ${slot}`, reader.offset);
    pages.set(at, page, slot === NO_SLOT ? logLocation(imageOffset) : slot);
    if (slot === NO_SLOT) imageOffset += imageSize;
  }
  const message = readText(reader);
  const appTransactionId = readText(reader);
  const notes = kind === CHANGE_KINDS.notedCommit ? readNotes(reader, source) : {};
  if (imageOffset - bodyOffset !== body.length) {
    throw new BytesError(`the images end at ${imageOffset - bodyOffset}`, body.length);
  }
  return {
    kind: "commit",
    version,
    pageCount,
    pageSize,
    pages,
    ...noteFieldsOf({ message, appTransactionId, ...notes }),
    ...(notes.replay !== undefined && { replay: notes.replay }),
  };
}
