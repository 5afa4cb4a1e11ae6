import { create } from "@bufbuild/protobuf";
import {
  GraftError,
  gidBytes,
  type Lsn,
  type Page,
  type PageSet,
  pageRange,
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
import { fromPageSet, toPageSet } from "./page-set.ts";
import { present, readAnswer } from "./present.ts";
import {
  fromQueryEnd,
  fromQueryHint,
  type QueryEnd,
  type QueryHint,
  toQueryEnd,
  toQueryHint,
} from "./query-hint.ts";

const NO_PAGES: PageSet = pageRange(1, 0);

export interface ReadPagesRequest {
  readonly volumeId: VolumeId;
  /** Undefined only with `openBundle`: the newest. */
  readonly lsn: Lsn | undefined;
  /** At most 1024 members. May contain 2^32−1, which never has a page. */
  readonly pageSet: PageSet;
  /**
   * Page bytes wanted in the answer at most, ≤ 7 MiB. At least one index is covered all the same.
   */
  readonly byteBudget: number;
  /** Pages that may be needed next, wanted when the budget allows. */
  readonly prefetch?: PageSet;
  /**
   * On a read of page 1 alone: bytes on the wire that the upper levels of the trees may take.
   */
  readonly openBundle?: number;
  /** What is about to be run: pages that it touches are welcome too. */
  readonly query?: QueryHint;
}

export interface ReadPagesAnswer {
  /** Ascending by index, none twice. */
  readonly pages: readonly Page[];
  /** An index in it without a page reads as zeros; an index outside it must be asked for again. */
  readonly covered: PageSet;
  /** Further pages, which are in `covered`: packages of `packPages`. */
  readonly packed?: readonly Uint8Array[];
  /** The snapshot that was read, when the request named none. */
  readonly lsn?: Lsn;
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
  const hint = message.prefetch;
  const { openBundle } = hint ?? {};
  const isNewest = message.lsn === 0n && openBundle !== undefined;
  return {
    volumeId: toVolumeId(message.vid),
    lsn: isNewest ? undefined : toLsn(message.lsn),
    pageSet,
    byteBudget: Math.min(message.byteBudget ?? READ_PAGES_BUDGET_DEFAULT, READ_PAGES_BUDGET_MAX),
    ...present({ prefetch: toPrefetch(hint?.graft), openBundle, query: toQueryHint(hint) }),
  };
}

/** A hint may tell something else and name no page: then its set is empty, for older servers. */
function toPrefetch(graft: Uint8Array | undefined): PageSet | undefined {
  const set = graft === undefined || graft.length === 0 ? undefined : toPageSet(graft);
  return set?.isEmpty === true ? undefined : set;
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
  const { prefetch, openBundle, query } = request;
  const isHinted = (prefetch ?? openBundle ?? query) !== undefined;
  // A server that knows no other hint refuses one without a set.
  const graft = fromPageSet(prefetch ?? NO_PAGES);
  return create(ReadPagesRequestSchema, {
    vid: gidBytes(request.volumeId),
    lsn: request.lsn ?? 0n,
    graft: fromPageSet(request.pageSet),
    byteBudget: request.byteBudget === READ_PAGES_BUDGET_DEFAULT ? undefined : request.byteBudget,
    ...(isHinted && {
      prefetch: { graft, ...present({ openBundle }), ...(query && fromQueryHint(query)) },
    }),
  });
}

/** Page sizes are not checked here: the caller knows the volume's. @throws GraftError `internal` */
export function toReadPagesAnswer(message: ReadPagesResponseMessage): ReadPagesAnswer {
  return readAnswer("ReadPages", () => ({
    pages: message.pages.map(toPage),
    covered: toPageSet(message.covered),
    ...(message.packed.length > 0 && { packed: message.packed }),
    ...(message.lsn !== undefined && { lsn: toLsn(message.lsn) }),
    ...present({ queryEnd: toQueryEnd(message.queryEnd) }),
  }));
}

export function fromReadPagesAnswer(answer: ReadPagesAnswer): ReadPagesResponseMessage {
  return create(ReadPagesResponseSchema, {
    pages: answer.pages.map(fromPage),
    ...fieldsBesidePages(answer),
  });
}

/** The same for an encoder of binary messages alone: the pages are written in one piece. */
export function fromReadPagesAnswerBinary(answer: ReadPagesAnswer): ReadPagesResponseMessage {
  const message = create(ReadPagesResponseSchema, fieldsBesidePages(answer));
  const pages = encodePageField(ReadPagesResponseSchema.field.pages.number, answer.pages);
  if (pages !== undefined) message.$unknown = [pages];
  return message;
}

function fieldsBesidePages({
  covered,
  packed,
  lsn,
  queryEnd,
}: ReadPagesAnswer): Pick<ReadPagesResponseMessage, "covered" | "packed" | "lsn" | "queryEnd"> {
  return {
    covered: fromPageSet(covered),
    packed: [...(packed ?? [])],
    queryEnd: fromQueryEnd(queryEnd),
    ...present({ lsn }),
  };
}
