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
  const tag = (no << 3) | LENGTH_DELIMITED;
  let size = -1;
  for (const page of pages) {
    const messageSize = sizeOf(page);
    size += 1 + varintSize(messageSize) + messageSize;
  }
  const data = new Uint8Array(size);
  // The encoder writes the first tag itself.
  let at = -1;
  for (const page of pages) {
    if (at >= 0) data[at] = tag;
    at = writeVarint(data, at + 1, sizeOf(page));
    data[at] = TAG_INDEX;
    at = writeVarint(data, at + 1, page.index);
    data[at] = TAG_DATA;
    at = writeVarint(data, at + 1, page.data.length);
    data.set(page.data, at);
    at += page.data.length;
  }
  invariant(at === size, "pages are as long as was reckoned");
  return { no, wireType: LENGTH_DELIMITED, data };
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
