/**
 * The v0.1 answer to `read_pages`, written in one piece: a `ReadPagesResponse` whose only field is
 *
 * | bytes | meaning |
 * |---|---|
 * | 0x0a, varint | field 1, a `PageAtIdx` of so many bytes |
 * | 0x08, varint | its field 1, the page index |
 * | 0x12, varint | its field 2, so many bytes of data |
 * | data | the page |
 *
 * once for each page. A general encoder grows and copies its buffer several times for the same
 * bytes.
 */
import { invariant, type Page } from "@graft/core";
import type { LentBytes } from "@graft/rpc";
import type { AnswerBuffers } from "./answer-buffers.ts";

const TAG_PAGE = 0x0a;
const TAG_INDEX = 0x08;
const TAG_DATA = 0x12;

/** The encoded message, in memory of `buffers`. */
export function encodePageList(pages: readonly Page[], buffers: AnswerBuffers): LentBytes {
  let size = 0;
  for (const page of pages) {
    const pageSize = messageSize(page);
    size += 1 + varintSize(pageSize) + pageSize;
  }
  // Every byte is written below.
  const lent = buffers.take(size);
  const { bytes } = lent;
  let at = 0;
  for (const page of pages) {
    bytes[at] = TAG_PAGE;
    at = writeVarint(bytes, at + 1, messageSize(page));
    bytes[at] = TAG_INDEX;
    at = writeVarint(bytes, at + 1, page.index);
    bytes[at] = TAG_DATA;
    at = writeVarint(bytes, at + 1, page.data.length);
    bytes.set(page.data, at);
    at += page.data.length;
  }
  invariant(at === size, "a message is as long as was reckoned");
  return lent;
}

function messageSize({ index, data }: Page): number {
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
