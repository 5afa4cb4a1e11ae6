import type { CatalogCommit, CatalogRecord } from "@graft/catalog";
import {
  type CommitId,
  InvariantError,
  PAGE_SIZE_DEFAULT,
  type PageSet,
  pageRange,
  parseClientId,
  parseCommitId,
  parseVolumeId,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  toSegmentId,
} from "@graft/core";
import type { SegmentRef } from "@graft/format";
import { describe, expect, test } from "vitest";
import {
  type CommitAttempt,
  type CommitDecision,
  type CommitKnowledge,
  decideCommit,
  needsContents,
} from "./commit-decision.ts";

const ALICE = parseClientId("QiAaT13YZ7eaoi5HHq8hKM");
const BOB = parseClientId("Qi81Dp4C51oVzJ2Wom1BXm");
const [ONE, TWO] = ["1", "2"].map((digit) => parseCommitId(digit.repeat(32)));
const PAGES = pageRange(1, 3);

function segment(pageSet: PageSet, hash: number): SegmentRef {
  const [firstPage, lastPage] = [pageSet.first ?? 1, pageSet.last ?? 1].map(toPageIndex);
  const entry = { offset: 8, size: 9, codec: "zstd", hash: new Uint8Array(16).fill(hash) } as const;
  return {
    segmentId: toSegmentId(Uint8Array.of(0xa0, ...new Uint8Array(15).fill(hash))),
    pageSet,
    size: 1000,
    frames: [{ ...entry, firstPage: firstPage as never, lastPage: lastPage as never }],
  };
}
function attempt(change: Partial<CommitAttempt>): CommitAttempt {
  return {
    clientId: ALICE,
    baseLsn: toLsn(4n),
    pageCount: toPageCount(3),
    pageSize: PAGE_SIZE_DEFAULT,
    pageSet: PAGES,
    hasDoubles: false,
    ...change,
  };
}
function commit(lsn: bigint, change: Partial<CatalogRecord> = {}): CatalogCommit {
  const record: CatalogRecord = {
    volumeId: parseVolumeId("GonugMKom6Q92W5YddpVTd"),
    lsn: toLsn(lsn),
    clientId: ALICE,
    timestampMs: 0,
    pageSize: PAGE_SIZE_DEFAULT,
    pageCount: toPageCount(3),
    segments: [segment(PAGES, 7)],
    inlineFrames: [],
    ...change,
  };
  return { record, hash: new Uint8Array(32), storedSize: 100 };
}
const BASE = commit(4n).record;
function withId(commitId: CommitId | undefined): Partial<CommitAttempt> {
  return commitId === undefined ? {} : { commitId };
}

type Row = readonly [
  name: string,
  attempt: Partial<CommitAttempt>,
  knowledge: Partial<CommitKnowledge>,
  kind: CommitDecision["kind"],
];
const UNKNOWN: readonly Row[] = [
  ["the base is there", withId(ONE), { parent: BASE }, "accept"],
  ["the base is there, v0.1", {}, { parent: BASE }, "accept"],
  ["there is no base to be there", { baseLsn: undefined } as never, {}, "accept"],
  ["the base is not there", withId(ONE), {}, "missing-base"],
  ["the base has other pages", { pageSize: toPageSize(512) }, { parent: BASE }, "other-page-size"],
];
const byId = (commitId: CommitId | undefined) =>
  commit(5n, commitId === undefined ? {} : { commitId });
const KNOWN: readonly Row[] = [
  ["has our commit id", withId(ONE), { successor: byId(ONE) }, "replay"],
  [
    "has our commit id, from another client",
    { ...withId(ONE), clientId: BOB },
    { successor: byId(ONE) },
    "replay",
  ],
  ["has another commit id", withId(ONE), { successor: byId(TWO) }, "reject"],
  ["has a commit id, we have none", {}, { successor: byId(ONE) }, "reject"],
  ["has no commit id, we have one", withId(ONE), { successor: byId(undefined) }, "reject"],
];
const V01: readonly Row[] = [
  ["the same contents", {}, { segments: [segment(PAGES, 7)] }, "replay"],
  ["other contents", {}, { segments: [segment(PAGES, 8)] }, "reject"],
  [
    "contents without frames at hand",
    {},
    { segments: [{ ...segment(PAGES, 7), frames: [] }] },
    "reject",
  ],
  ["another client", { clientId: BOB }, {}, "reject"],
  ["another page count", { pageCount: toPageCount(4) }, {}, "mismatch"],
  ["fewer pages", { pageSet: pageRange(1, 2) }, {}, "mismatch"],
  ["more pages", { pageSet: pageRange(1, 4) }, {}, "mismatch"],
  ["a page twice", { hasDoubles: true }, {}, "mismatch"],
];

describe("nothing is known at base + 1", () => {
  test.each(UNKNOWN)("%s", (_, change, knowledge, kind) => {
    const all = { parent: undefined, successor: undefined, ...knowledge };
    expect(decideCommit(attempt(change), all).kind).toBe(kind);
  });
});

describe("the commit at base + 1", () => {
  test.each(KNOWN)("%s", (_, change, knowledge, kind) => {
    const all = { parent: BASE, successor: undefined, ...knowledge };
    expect(decideCommit(attempt(change), all).kind).toBe(kind);
  });
});

describe("v0.1: the commit at base + 1 has no id either, and the request has", () => {
  test.each(V01)("%s", (_, change, knowledge, kind) => {
    const successor = commit(5n);
    const all = { parent: undefined, successor, ...knowledge };
    expect(decideCommit(attempt(change), all).kind).toBe(kind);
    const wanted = "segments" in knowledge;
    expect(needsContents(attempt(change), successor)).toBe(wanted);
  });

  test("contents that are wanted and not at hand are broken code, never a guess", () => {
    const all = { parent: undefined, successor: commit(5n) };
    expect(() => decideCommit(attempt({}), all)).toThrow(InvariantError);
  });
});
