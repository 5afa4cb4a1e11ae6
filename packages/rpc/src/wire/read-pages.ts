import { create } from "@bufbuild/protobuf";
import {
  GraftError,
  gidBytes,
  type Lsn,
  type Page,
  type PageSet,
  READ_PAGES_BUDGET_DEFAULT,
  READ_PAGES_BUDGET_MAX,
  READ_PAGES_COUNT_MAX,
  toLsn,
  toVolumeId,
  type VolumeId,
} from "@graft/core";
import {
  type ReadPagesRequest as ReadPagesRequestMessage,
  ReadPagesRequestSchema,
  type ReadPagesResponse as ReadPagesResponseMessage,
  ReadPagesResponseSchema,
} from "@graft/proto-gen/pagestore";
import { fromPage, toPage } from "./page.ts";
import { encodePageField } from "./page-list.ts";
import { fromOptionalPageSet, fromPageSet, toPageSet } from "./page-set.ts";
import { present, readAnswer } from "./present.ts";
import {
  fromQueryEnd,
  fromQueryHint,
  type QueryEnd,
  type QueryHint,
  toQueryEnd,
  toQueryHint,
} from "./query-hint.ts";

export interface ReadPagesRequest {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  /** At most 1024 members. May contain 2^32−1, which never has a page. */
  readonly pageSet: PageSet;
  /**
   * Page bytes wanted in the answer at most, ≤ 7 MiB. At least one index is covered all the same.
   */
  readonly byteBudget: number;
  /** Pages that may be needed next, wanted when the budget allows. */
  readonly prefetch?: PageSet;
  /** What is about to be run: pages that it touches are welcome too. */
  readonly query?: QueryHint;
}

export interface ReadPagesAnswer {
  /** Ascending by index, none twice. */
  readonly pages: readonly Page[];
  /** An index in it without a page reads as zeros; an index outside it must be asked for again. */
  readonly covered: PageSet;
  /** How the run of the request's query ended; absent when none was run. */
  readonly queryEnd?: QueryEnd | undefined;
}

/**
 * Bytes of any set of 1024 pages at most: 8 around it, 256 + 1024 for its root, and 12 for each
 * page that shares no part of its index with another.
 */
export const PAGE_SET_SIZE_MAX: number = 16 * READ_PAGES_COUNT_MAX;

/** @throws GraftError `invalid-argument` on a malformed or too large request */
export function toReadPagesRequest(message: ReadPagesRequestMessage): ReadPagesRequest {
  mustBeShort(message.graft);
  const pageSet = toPageSet(message.graft);
  if (pageSet.cardinality > READ_PAGES_COUNT_MAX) {
    throw new GraftError(
      "invalid-argument",
      `read of ${pageSet.cardinality} pages: expected at most ${READ_PAGES_COUNT_MAX}; ask for fewer at once`,
    );
  }
  return present({
    volumeId: toVolumeId(message.vid),
    lsn: toLsn(message.lsn),
    pageSet,
    byteBudget: Math.min(message.byteBudget ?? READ_PAGES_BUDGET_DEFAULT, READ_PAGES_BUDGET_MAX),
    prefetch: toPrefetch(message.prefetch?.graft),
    query: toQueryHint(message.prefetch),
  });
}

/** A hint may tell a query and name no page. */
function toPrefetch(graft: Uint8Array | undefined): PageSet | undefined {
  return graft === undefined || graft.length === 0 ? undefined : toPageSet(graft);
}

/** Decoding a set of 32 MiB, to find that it names too many pages, takes most of a second. */
function mustBeShort(graft: Uint8Array): void {
  if (graft.length <= PAGE_SET_SIZE_MAX) return;
  throw new GraftError(
    "invalid-argument",
    `page set of ${graft.length} bytes: expected at most ${PAGE_SET_SIZE_MAX}, which any ` +
      `${READ_PAGES_COUNT_MAX} pages take; ask for fewer at once`,
  );
}

export function fromReadPagesRequest(request: ReadPagesRequest): ReadPagesRequestMessage {
  const graft = fromOptionalPageSet(request.prefetch);
  const { query } = request;
  const hint = { ...(graft && { graft }), ...(query && fromQueryHint(query)) };
  return create(ReadPagesRequestSchema, {
    vid: gidBytes(request.volumeId),
    lsn: request.lsn,
    graft: fromPageSet(request.pageSet),
    byteBudget: request.byteBudget === READ_PAGES_BUDGET_DEFAULT ? undefined : request.byteBudget,
    prefetch: graft === undefined && query === undefined ? undefined : hint,
  });
}

/** Page sizes are not checked here: the caller knows the volume's. @throws GraftError `internal` */
export function toReadPagesAnswer(message: ReadPagesResponseMessage): ReadPagesAnswer {
  return readAnswer("ReadPages", () =>
    present({
      pages: message.pages.map(toPage),
      covered: toPageSet(message.covered),
      queryEnd: toQueryEnd(message.queryEnd),
    }),
  );
}

export function fromReadPagesAnswer(answer: ReadPagesAnswer): ReadPagesResponseMessage {
  return create(ReadPagesResponseSchema, {
    pages: answer.pages.map(fromPage),
    covered: fromPageSet(answer.covered),
    queryEnd: fromQueryEnd(answer.queryEnd),
  });
}

/** The same for an encoder of binary messages alone: the pages are written in one piece. */
export function fromReadPagesAnswerBinary(answer: ReadPagesAnswer): ReadPagesResponseMessage {
  const message = create(ReadPagesResponseSchema, {
    covered: fromPageSet(answer.covered),
    queryEnd: fromQueryEnd(answer.queryEnd),
  });
  const pages = encodePageField(ReadPagesResponseSchema.field.pages.number, answer.pages);
  if (pages !== undefined) message.$unknown = [pages];
  return message;
}
