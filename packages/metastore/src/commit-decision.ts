/**
 * Whether a commit may be tried. Pure: what is known goes in, a decision comes out, `committer.ts`
 * acts on it.
 *
 * | commit at base + 1 | commit id of the request | and                                      | decision |
 * |--------------------|--------------------------|------------------------------------------|----------|
 * | not known          | any                      | no base, or the base exists              | accept   |
 * | not known          | any                      | the base does not exist                  | missing  |
 * | known              | the same                 |                                          | replay   |
 * | known              | another, or on one side  |                                          | reject   |
 * | known              | on neither side (v0.1)   | another client                           | reject   |
 * |                    |                          | another page count or page set           | mismatch |
 * |                    |                          | equal sets, other contents               | reject   |
 * |                    |                          | all equal                                | replay   |
 */
import type { CatalogCommit, CatalogRecord } from "@graft/catalog";
import {
  type ClientId,
  type CommitId,
  encodeHex,
  encodePageSet,
  equalBytes,
  invariant,
  type Lsn,
  type PageCount,
  type PageSet,
  type PageSize,
} from "@graft/core";
import { commitPageSet, framePageSet, type SegmentRef } from "@graft/format";

/** What the decision looks at in a request. */
export interface CommitAttempt {
  readonly clientId: ClientId;
  /** Absent: v0.1. */
  readonly commitId?: CommitId;
  readonly baseLsn?: Lsn;
  readonly pageCount: PageCount;
  readonly pageSize: PageSize;
  /** All pages that the request names. */
  readonly pageSet: PageSet;
  /** Whether two of its segments name the same page. */
  readonly hasDoubles: boolean;
}

export interface CommitKnowledge {
  /** The record at the base; undefined without a base, or when it does not exist. */
  readonly parent: CatalogRecord | undefined;
  /** The commit at base + 1, as far as it is known: undefined says nothing about the store. */
  readonly successor: CatalogCommit | undefined;
  /** Segments of the request with their frames: wanted when `needsContents`. */
  readonly segments?: readonly SegmentRef[];
}

export type CommitDecision =
  | { readonly kind: "accept" }
  /** It landed before: answer what it was answered then. */
  | { readonly kind: "replay"; readonly commit: CatalogCommit }
  /** Another commit holds base + 1. */
  | { readonly kind: "reject"; readonly by: CatalogCommit }
  /** v0.1: the same client sent something else for this LSN before. */
  | { readonly kind: "mismatch"; readonly what: string }
  | { readonly kind: "missing-base" }
  | { readonly kind: "other-page-size"; readonly expected: PageSize };

export function decideCommit(attempt: CommitAttempt, knowledge: CommitKnowledge): CommitDecision {
  const { parent, successor } = knowledge;
  if (successor !== undefined) return decideReplay(attempt, successor, knowledge.segments);
  if (attempt.baseLsn === undefined) return { kind: "accept" };
  if (parent === undefined) return { kind: "missing-base" };
  if (parent.pageSize !== attempt.pageSize) {
    return { kind: "other-page-size", expected: parent.pageSize };
  }
  return { kind: "accept" };
}

/** Whether the decision compares page contents: then the request's segments must be read first. */
export function needsContents(attempt: CommitAttempt, successor: CatalogCommit): boolean {
  const { record } = successor;
  const hasNoId = attempt.commitId === undefined && record.commitId === undefined;
  return hasNoId && attempt.clientId === record.clientId && mismatch(attempt, record) === undefined;
}

function decideReplay(
  attempt: CommitAttempt,
  successor: CatalogCommit,
  segments: readonly SegmentRef[] | undefined,
): CommitDecision {
  const { record } = successor;
  const replay: CommitDecision = { kind: "replay", commit: successor };
  const reject: CommitDecision = { kind: "reject", by: successor };
  if (attempt.commitId !== undefined || record.commitId !== undefined) {
    return attempt.commitId === record.commitId ? replay : reject;
  }
  if (attempt.clientId !== record.clientId) return reject;
  const what = mismatch(attempt, record);
  if (what !== undefined) return { kind: "mismatch", what };
  invariant(segments !== undefined, "contents are at hand when they are compared");
  return haveEqualContents(segments, record.segments) ? replay : reject;
}

function mismatch(attempt: CommitAttempt, record: CatalogRecord): string | undefined {
  if (attempt.pageCount !== record.pageCount) {
    return `expected ${record.pageCount} pages, got ${attempt.pageCount}`;
  }
  if (attempt.hasDoubles) return "a page is named twice";
  const before = encodePageSet(commitPageSet(record));
  if (equalBytes(before, encodePageSet(attempt.pageSet))) return undefined;
  return "it names other pages";
}

/**
 * Frames are cut the same way from the same pages, so equal contents have equal frame hashes.
 * Contents that were cut otherwise, or whose frames are not at hand, count as different: a commit
 * is refused rather than taken for another.
 */
function haveEqualContents(a: readonly SegmentRef[], b: readonly SegmentRef[]): boolean {
  const left = contentKeys(a);
  const right = contentKeys(b);
  return left !== undefined && right !== undefined && left === right;
}

function contentKeys(segments: readonly SegmentRef[]): string | undefined {
  const keys: string[] = [];
  for (const ref of segments) {
    if (ref.frames.length === 0) return undefined;
    for (const entry of ref.frames) {
      const pages = encodeHex(encodePageSet(framePageSet(ref, entry)));
      keys.push(`${pages} ${encodeHex(entry.hash)}`);
    }
  }
  return keys.sort().join("\n");
}
