/**
 * The v0.1 answer to `read_pages`, written in one piece: a `ReadPagesResponse` whose only field is
 * its pages.
 */
import type { Page } from "@graft/core";
import { type LentBytes, pageListSize, writePageList } from "@graft/rpc";
import type { AnswerBuffers } from "./answer-buffers.ts";

const FIELD_PAGES = 1;

/** The encoded message, in memory of `buffers`. */
export function encodePageList(pages: readonly Page[], buffers: AnswerBuffers): LentBytes {
  // Every byte of it is written.
  const lent = buffers.take(pageListSize(pages));
  writePageList(lent.bytes, FIELD_PAGES, pages);
  return lent;
}
