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
 */

import type { PageCount, PageSize } from "@graft/core";
import {
  ByteReader,
  BytesError,
  ByteWriter,
  invariant,
  toPageCount,
  toPageIndex,
} from "@graft/core";
import type { Location } from "../history/page-chains.ts";
import { readText, readVersion, writeText, writeVersion } from "./change-fields.ts";
import { isSlot, logLocation, NO_SLOT } from "./location.ts";
import { CHANGE_KINDS, type LogChange } from "./log-change.ts";
import { alignedSize, RECORD_HEADER_SIZE } from "./log-record.ts";
import type { LogWriter } from "./log-writer.ts";
import { imageSizeOf, type PageImageCodec } from "./page-image.ts";
import { PagePlaces, type PlacedList } from "./page-places.ts";

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
}

/** Adds the record of a commit to a log, and says where its pages are then. */
export function appendCommit(
  log: LogWriter,
  codec: PageImageCodec,
  commit: CommitToWrite,
): CommitChange {
  const { version, pageCount, pageSize = 0, message, appTransactionId } = commit;
  const imageSize = pageSize === 0 ? 0 : imageSizeOf(pageSize);
  const front = encodeFront(commit);
  const draft = log.begin(CHANGE_KINDS.commit, front.length + inlineCount(commit) * imageSize);
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
    ...(message === undefined ? {} : { message }),
    ...(appTransactionId === undefined ? {} : { appTransactionId }),
  };
}

function inlineCount({ pages }: CommitToWrite): number {
  let count = 0;
  for (const [, place] of pages) if (typeof place !== "number") count++;
  return count;
}

/** Everything before the images. */
function encodeFront(commit: CommitToWrite): Uint8Array {
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
  const imagesOffset = alignedSize(RECORD_HEADER_SIZE + writer.size);
  writer.bytes(new Uint8Array(imagesOffset - RECORD_HEADER_SIZE - writer.size));
  const front = writer.finish();
  new DataView(front.buffer, front.byteOffset).setUint32(20, imagesOffset, true);
  return front;
}

/** @param bodyOffset where the body is in the log */
export function decodeCommit(body: Uint8Array, bodyOffset: number): CommitChange {
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
  if (imageOffset - bodyOffset !== body.length) {
    throw new BytesError(`the images end at ${imageOffset - bodyOffset}`, body.length);
  }
  return {
    kind: "commit",
    version,
    pageCount,
    pageSize,
    pages,
    ...(message === undefined ? {} : { message }),
    ...(appTransactionId === undefined ? {} : { appTransactionId }),
  };
}
