/**
 * Requests of the v0.1 routes: checked in v0.1's order, refused in its words. What passes is read
 * as the same message of our own services is. Pages are 4096 bytes here, always.
 */
import {
  GraftError,
  isGraftError,
  type Lsn,
  PAGE_SIZE_DEFAULT,
  type Page,
  type PageSet,
  READ_PAGES_COUNT_MAX,
  toClientId,
  toLsn,
  toPageIndex,
  toSegmentId,
  toVolumeId,
} from "@graft/core";
import type {
  CommitRequest as CommitMessage,
  GetSnapshotRequest as GetSnapshotMessage,
  PullCommitsRequest as PullCommitsMessage,
  PullGraftRequest as PullGraftMessage,
} from "@graft/proto-gen/metastore";
import type {
  PageAtIdx,
  ReadPagesRequest as ReadPagesMessage,
  WritePagesRequest as WritePagesMessage,
} from "@graft/proto-gen/pagestore";
import { type CommitRequest, toCommitRequest } from "../wire/commit-request.ts";
import { type GetSnapshotRequest, toGetSnapshotRequest } from "../wire/get-snapshot.ts";
import { toPageSet } from "../wire/page-set.ts";
import { type PullCommitsRequest, toPullCommitsRequest } from "../wire/pull-commits.ts";
import { type PullGraftRequest, toPullGraftRequest } from "../wire/pull-graft.ts";
import {
  PAGE_SET_SIZE_MAX,
  type ReadPagesRequest,
  toReadPagesRequest,
} from "../wire/read-pages.ts";
import type { WritePagesRequest } from "../wire/write-pages.ts";
import { inRawWords, RAW_WORDS, refusal } from "./raw-words.ts";

/** @throws GraftError `invalid-argument` */
export function toRawGetSnapshotRequest(message: GetSnapshotMessage): GetSnapshotRequest {
  checkVolume(message);
  checkLsn(message.lsn);
  return toGetSnapshotRequest(message);
}

/** @throws GraftError `invalid-argument` */
export function toRawPullGraftRequest(message: PullGraftMessage): PullGraftRequest {
  checkVolume(message);
  checkLsn(message.range?.inclusiveEnd);
  checkLsn(message.range?.inclusiveStart);
  return toPullGraftRequest(message);
}

/** @throws GraftError `invalid-argument` */
export function toRawPullCommitsRequest(message: PullCommitsMessage): PullCommitsRequest {
  checkVolume(message);
  checkLsn(message.range?.inclusiveEnd);
  checkLsn(message.range?.inclusiveStart);
  return toPullCommitsRequest(message);
}

/** @throws GraftError `invalid-argument` */
export function toRawCommitRequest(message: CommitMessage): CommitRequest {
  try {
    return toCommitRequest(message);
  } catch (error) {
    if (isGraftError(error, "invalid-argument")) checkCommit(message);
    throw error;
  }
}

/** @throws GraftError `invalid-argument` */
export function toRawReadPagesRequest(
  message: ReadPagesMessage,
): ReadPagesRequest & { readonly lsn: Lsn } {
  checkVolume(message);
  checkLsn(message.lsn);
  // A longer set names more pages, or is none; reading it would take most of a second.
  if (message.graft.length > PAGE_SET_SIZE_MAX) throw refusal(RAW_WORDS.pageCount);
  const { cardinality } = readPageSet(message.graft);
  if (cardinality > READ_PAGES_COUNT_MAX) throw refusal(RAW_WORDS.pageCount);
  return { ...toReadPagesRequest(message), lsn: toLsn(message.lsn) };
}

/**
 * As many pages as a request may hold: its client sends all that it has in one.
 *
 * @throws GraftError `invalid-argument`
 */
export function toRawWritePagesRequest(message: WritePagesMessage): WritePagesRequest {
  checkVolume(message);
  const pages = new Map<number, Page>();
  for (const page of message.pages) {
    const read = readPage(page);
    if (pages.has(read.index)) throw refusal(RAW_WORDS.doublePage);
    pages.set(read.index, read);
  }
  return {
    volumeId: toVolumeId(message.vid),
    pageSize: PAGE_SIZE_DEFAULT,
    pages: [...pages.values()].sort((a, b) => a.index - b.index),
  };
}

/** What v0.1 looked at, in its order: only for what is refused, as page sets are dear to read. */
function checkCommit(message: CommitMessage): void {
  checkVolume(message);
  inRawWords(RAW_WORDS.id, () => toClientId(message.cid));
  checkLsn(message.snapshotLsn);
  for (const { sid, graft } of message.segments) {
    inRawWords(RAW_WORDS.id, () => toSegmentId(sid));
    readPageSet(graft);
  }
}

function checkVolume(message: { readonly vid: Uint8Array }): void {
  inRawWords(RAW_WORDS.id, () => toVolumeId(message.vid));
}

function checkLsn(lsn: bigint | undefined): void {
  if (lsn !== undefined) inRawWords(RAW_WORDS.lsn, () => toLsn(lsn));
}

function readPage({ pageidx, data }: PageAtIdx): Page {
  const index = inRawWords(RAW_WORDS.pageIndex, () => toPageIndex(pageidx));
  if (data.length !== PAGE_SIZE_DEFAULT) {
    const what = `page ${index} has ${data.length} bytes: expected ${PAGE_SIZE_DEFAULT}`;
    throw refusal(RAW_WORDS.page, new GraftError("invalid-argument", what));
  }
  return { index, data };
}

function readPageSet(graft: Uint8Array): PageSet {
  try {
    return toPageSet(graft);
  } catch (error) {
    if (!isGraftError(error)) throw error;
    const hasZero = error.details.pageIndex === 0;
    throw refusal(hasZero ? RAW_WORDS.pageZero : RAW_WORDS.pageSet, error);
  }
}
