/**
 * Pages on their way to a reader who is told of many at once, interior pages of b-trees among them.
 * It is made to be compressed as a whole.
 *
 * | bytes | meaning |
 * |---|---|
 * | 1 | version: 1 |
 * | varint | page size |
 * | varint | number of pages |
 * | for each page, ascending: varint | its index, less the one before |
 * | 1 | 0: as it is · 1: an interior page, see `interior-page.ts` |
 * | … | the page |
 */
import {
  ByteReader,
  BytesError,
  ByteWriter,
  GraftError,
  type Page,
  type PageSize,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { packInteriorPage, unpackInteriorPage } from "./interior-page.ts";

const VERSION = 1;
const KIND_RAW = 0;
const KIND_INTERIOR = 1;

/** Page bytes of all pages together at most: as many as a read may answer. */
export const PACKED_PAGES_SIZE_MAX: number = 8 * 1024 * 1024;

/** @param pages ascending, none twice, all of this size */
export function packPages(pages: readonly Page[], pageSize: PageSize): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.u8(VERSION).varintU32(pageSize).varintU32(pages.length);
  let before = 0;
  for (const { index, data } of pages) {
    const packed = packInteriorPage(data);
    writer.varintU32(index - before).u8(packed === undefined ? KIND_RAW : KIND_INTERIOR);
    writer.bytes(packed ?? data);
    before = index;
  }
  return writer.finish();
}

/** Reads what `packPages` wrote; the pages are copies. @throws GraftError `invalid-argument` */
export function unpackPages(bytes: Uint8Array): readonly Page[] {
  try {
    return readPages(new ByteReader(bytes));
  } catch (cause) {
    if (!(cause instanceof BytesError)) throw cause;
    throw new GraftError("invalid-argument", `packed pages: ${cause.message}`, { cause });
  }
}

function readPages(reader: ByteReader): readonly Page[] {
  const version = reader.u8();
  if (version !== VERSION) throw new BytesError(`version ${version}, expected ${VERSION}`, 0);
  const pageSize = toPageSize(reader.varintU32());
  const count = reader.varintU32();
  if (count * pageSize > PACKED_PAGES_SIZE_MAX) {
    throw new BytesError(`${count} pages of ${pageSize} bytes are too many`, reader.offset);
  }
  const pages: Page[] = [];
  let before = 0;
  for (let at = 0; at < count; at++) {
    const step = reader.varintU32();
    if (step === 0) throw new BytesError(`page ${before} is there twice`, reader.offset);
    const index = toPageIndex(before + step);
    pages.push({ index, data: readPage(reader, pageSize) });
    before = index;
  }
  reader.expectEnd();
  return pages;
}

function readPage(reader: ByteReader, pageSize: PageSize): Uint8Array {
  const kind = reader.u8();
  if (kind === KIND_RAW) return reader.bytes(pageSize).slice();
  if (kind === KIND_INTERIOR) return unpackInteriorPage(reader, pageSize);
  throw new BytesError(`a page of kind ${kind}`, reader.offset);
}
