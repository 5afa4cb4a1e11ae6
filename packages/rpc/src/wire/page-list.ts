/**
 * A repeated `PageAtIdx`, written in one piece: the general encoder doubles and copies its buffer
 * many times for the megabytes of an upload.
 *
 * | bytes | meaning |
 * |---|---|
 * | tag of the field, varint | a `PageAtIdx` of so many bytes |
 * | 0x08, varint | its field 1, the page index |
 * | 0x12, varint | its field 2, so many bytes of data |
 * | data | the page |
 *
 * once for each page.
 */
import type { UnknownField } from "@bufbuild/protobuf";
import { invariant, type Page } from "@graft/core";

const LENGTH_DELIMITED = 2;
const TAG_INDEX = 0x08;
const TAG_DATA = 0x12;

/**
 * The pages as the bytes of field `no` (1 … 15) of a message that is encoded in binary. Undefined
 * without pages.
 */
export function encodePageField(no: number, pages: readonly Page[]): UnknownField | undefined {
  if (pages.length === 0) return undefined;
  const bytes = new Uint8Array(pageListSize(pages));
  writePageList(bytes, no, pages);
  // The encoder writes the first tag itself.
  return { no, wireType: LENGTH_DELIMITED, data: bytes.subarray(1) };
}

/** Bytes of the pages as a repeated field with a number of 1 … 15, tags included. */
export function pageListSize(pages: readonly Page[]): number {
  let size = 0;
  for (const page of pages) {
    const messageSize = sizeOf(page);
    size += 1 + varintSize(messageSize) + messageSize;
  }
  return size;
}

/** Writes the pages as field `no` (1 … 15) into memory of exactly `pageListSize`. */
export function writePageList(bytes: Uint8Array, no: number, pages: readonly Page[]): void {
  const tag = (no << 3) | LENGTH_DELIMITED;
  let at = 0;
  for (const page of pages) {
    bytes[at] = tag;
    at = writeVarint(bytes, at + 1, sizeOf(page));
    bytes[at] = TAG_INDEX;
    at = writeVarint(bytes, at + 1, page.index);
    bytes[at] = TAG_DATA;
    at = writeVarint(bytes, at + 1, page.data.length);
    bytes.set(page.data, at);
    at += page.data.length;
  }
  invariant(at === bytes.length, "pages are as long as was reckoned");
}

function sizeOf({ index, data }: Page): number {
  return 1 + varintSize(index) + 1 + varintSize(data.length) + data.length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}
