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
import { PagePlaces } from "../history/page-places.ts";
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
import type { LogWriter, RecordDraft } from "./log-writer.ts";
import { IMAGE_HEADER_SIZE, type PageImageCodec } from "./page-image.ts";
import { xxh32Of } from "./xxh32.ts";

/** By page size. */
const IMAGE_SIZES: ReadonlyMap<number, number> = new Map(
  [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536].map((size) => [size, size + 32]),
);

const ENTRIES_OFFSET = 24;
const ENTRY_SIZE = 8;

export type CommitChange = Extract<LogChange, { kind: "commit" }>;

/** Pages of a commit, ascending: all in slots, or all with their bytes, to be put into the log. */
export type PagesToWrite =
  | { readonly kind: "slots"; readonly places: PagePlaces }
  | {
      readonly kind: "images";
      readonly images: readonly (readonly [page: number, data: Uint8Array])[];
    };

export interface CommitToWrite {
  readonly version: number;
  readonly pageCount: PageCount;
  readonly pageSize: PageSize | undefined;
  readonly pages: PagesToWrite;
  readonly message: string | undefined;
  readonly appTransactionId: string | undefined;
  readonly reads: PageSet | undefined;
  readonly replay: Uint8Array | undefined;
}

/**
 * Adds the record of a commit to a log, and says where its pages are then. It is put together in
 * place: there may be a page of it for every page of a large volume.
 */
export function appendCommit(
  log: LogWriter,
  codec: PageImageCodec,
  commit: CommitToWrite,
): CommitChange {
  const { version, pageCount, pages } = commit;
  const list = pages.kind === "slots" ? pages.places : pages.images;
  const pageSize = list.length === 0 ? 0 : (commit.pageSize ?? 0);
  const tail = encodeTail(commit);
  const tailOffset = ENTRIES_OFFSET + list.length * ENTRY_SIZE;
  const imagesOffset = alignedSize(RECORD_HEADER_SIZE + tailOffset + tail.bytes.length);
  const frontSize = imagesOffset - RECORD_HEADER_SIZE;
  const imagesSize = pages.kind === "slots" ? 0 : list.length * (IMAGE_HEADER_SIZE + pageSize);
  const kind = hasNotes(commit) ? CHANGE_KINDS.notedCommit : CHANGE_KINDS.commit;
  const draft = log.begin(kind, frontSize + imagesSize);
  const { bytes } = draft.buffer;
  bytes.set(encodeHead(commit, { pageSize, count: list.length, imagesOffset }), draft.bodyOffset);
  bytes.set(tail.bytes, draft.bodyOffset + tailOffset);
  const tailEnd = tailOffset + tail.bytes.length;
  bytes.fill(0, draft.bodyOffset + tailEnd, draft.bodyOffset + frontSize);
  let placed: PagePlaces;
  if (pages.kind === "slots") {
    writeSlots(draft, pages.places);
    placed = pages.places;
  } else {
    const place = { version, offset: frontSize, base: log.base };
    placed = writeImages(draft, codec, pages.images, place);
  }
  log.seal();
  const { replay } = tail;
  const source = { generation: log.generation, offset: draft.bodyFileOffset + tailOffset };
  return {
    kind: "commit",
    version,
    pageCount,
    pageSize,
    pages: placed,
    ...noteFieldsOf(commit),
    ...(replay !== undefined && { replay: placeOf(replay, source) }),
  };
}

function writeSlots({ buffer, bodyOffset }: RecordDraft, places: PagePlaces): void {
  let at = bodyOffset + ENTRIES_OFFSET;
  for (const [page, slot] of places) {
    invariant(isSlot(slot), "a page lies in a slot");
    buffer.view.setUint32(at, page, true);
    buffer.view.setUint32(at + 4, slot, true);
    at += ENTRY_SIZE;
  }
}

/** @param place `offset`: of the first image in the body; `base`: of the log */
function writeImages(
  { buffer, bodyOffset, bodyFileOffset }: RecordDraft,
  codec: PageImageCodec,
  images: readonly (readonly [page: number, data: Uint8Array])[],
  place: { readonly version: number; readonly offset: number; readonly base: number },
): PagePlaces {
  const places = new PagePlaces(images.length);
  const { version, base } = place;
  let entry = bodyOffset + ENTRIES_OFFSET;
  let { offset } = place;
  for (const [at, [page, data]] of images.entries()) {
    buffer.view.setUint32(entry, page, true);
    buffer.view.setUint32(entry + 4, NO_SLOT, true);
    codec.encode(buffer, bodyOffset + offset, { page, version, data });
    places.set(at, page, logLocation(base + bodyFileOffset + offset));
    entry += ENTRY_SIZE;
    offset += IMAGE_HEADER_SIZE + data.length;
  }
  return places;
}

function hasNotes({ reads, replay }: CommitToWrite): boolean {
  return reads !== undefined || replay !== undefined;
}

/** A replay in a part of the body of a commit. */
interface ReplayField {
  /** Where its bytes are in that part. */
  readonly offset: number;
  readonly size: number;
  readonly checksum: number;
}

function placeOf({ offset, size, checksum }: ReplayField, source: BodySource): ReplayPlace {
  const { generation } = source;
  return { kind: "log", generation, offset: source.offset + offset, size, checksum };
}

function encodeHead(
  { version, pageCount }: CommitToWrite,
  head: { readonly pageSize: number; readonly count: number; readonly imagesOffset: number },
): Uint8Array {
  const writer = new ByteWriter(ENTRIES_OFFSET);
  writeVersion(writer, version);
  writer.u32le(pageCount).u32le(head.pageSize).u32le(head.count).u32le(head.imagesOffset);
  return writer.finish();
}

/** What follows the pages' entries, up to the images. */
function encodeTail(commit: CommitToWrite): {
  readonly bytes: Uint8Array;
  /** Its place in these bytes. */
  readonly replay: ReplayField | undefined;
} {
  const writer = new ByteWriter();
  writeText(writer, commit.message);
  writeText(writer, commit.appTransactionId);
  const replay = hasNotes(commit) ? writeNotes(writer, commit) : undefined;
  return { bytes: writer.finish(), replay };
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
