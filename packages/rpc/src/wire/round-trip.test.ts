import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  createLsnRange,
  encodePageSet,
  type Page,
  type PageSet,
  READ_PAGES_BUDGET_DEFAULT,
  READ_PAGES_BUDGET_MAX,
  type Snapshot,
  toPageCount,
} from "@graft/core";
import {
  arbitraryBytes,
  arbitraryClientId,
  arbitraryCommitId,
  arbitraryLsn,
  arbitraryPageCount,
  arbitraryPageIndex,
  arbitraryPageSet,
  arbitraryPageSize,
  arbitrarySegmentId,
  arbitraryVolumeId,
} from "@graft/core/testing";
import * as meta from "@graft/proto-gen/metastore";
import * as page from "@graft/proto-gen/pagestore";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WireCommit } from "./commit.ts";
import {
  type CommitRequest,
  fromCommitAnswer,
  fromCommitRequest,
  toCommitAnswer,
  toCommitRequest,
} from "./commit-request.ts";
import * as createVolume from "./create-volume.ts";
import type { WireFrame } from "./frame.ts";
import * as getSnapshot from "./get-snapshot.ts";
import * as pullCommits from "./pull-commits.ts";
import * as pullGraft from "./pull-graft.ts";
import type { QueryHint, QueryStatement } from "./query-hint.ts";
import * as readPages from "./read-pages.ts";
import type { SegmentInfo } from "./segment-info.ts";
import * as streamPages from "./stream-pages.ts";
import * as watch from "./watch.ts";
import * as writePages from "./write-pages.ts";

/** A record whose optional members are sometimes absent. */
function some<T, K extends keyof T>(
  required: { [P in keyof T]: fc.Arbitrary<T[P]> },
  requiredKeys: K[],
): fc.Arbitrary<never> {
  return fc.record(required, { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<never>;
}

const timestampMs = fc.integer({ min: 0, max: 8.64e15 / 1000 });
const snapshot: fc.Arbitrary<Snapshot> = some(
  {
    volumeId: arbitraryVolumeId(),
    clientId: arbitraryClientId(),
    lsn: arbitraryLsn(),
    pageCount: arbitraryPageCount(),
    pageSize: arbitraryPageSize(),
    timestampMs,
    commitId: arbitraryCommitId(),
  },
  ["volumeId", "clientId", "lsn", "pageCount", "pageSize", "timestampMs"],
);
const segment: fc.Arbitrary<SegmentInfo> = some(
  {
    segmentId: arbitrarySegmentId(),
    pageSet: arbitraryPageSet(),
    sizeBytes: fc.integer({ min: 0, max: 32 * 1024 * 1024 }),
    ownerVolumeId: arbitraryVolumeId(),
  },
  ["segmentId", "pageSet"],
);
const frame: fc.Arbitrary<WireFrame> = fc.record({
  pageSet: arbitraryPageSet(),
  codec: fc.constantFrom("raw" as const, "zstd" as const),
  hash: arbitraryBytes(16, 16),
  data: arbitraryBytes(0, 100),
});
const text = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });
const metadata = fc.oneof(
  fc.record({ message: text }),
  fc.record({ appTransactionId: text }),
  fc.record({ message: text, appTransactionId: text }),
);
const range = fc
  .tuple(arbitraryLsn(), fc.option(arbitraryLsn(), { nil: undefined }))
  .map(([a, b]) => (b === undefined || b >= a ? createLsnRange(a, b) : createLsnRange(b, a)));
const counts = fc.tuple(arbitraryPageCount(), arbitraryPageCount()).map(([a, b]) => ({
  pageCount: toPageCount(Math.max(a, b)),
  lowPageCount: toPageCount(Math.min(a, b)),
}));
const commit: fc.Arbitrary<WireCommit> = fc
  .tuple(
    some(
      {
        snapshot,
        segments: fc.array(segment, { maxLength: 3 }),
        inlinePageSet: arbitraryPageSet(),
        metadata,
        record: arbitraryBytes(0, 50),
        checkpointLsn: arbitraryLsn().filter((lsn) => lsn > 1n),
      },
      ["snapshot", "segments"],
    ) as fc.Arbitrary<WireCommit>,
    counts,
  )
  .map(([rest, { pageCount, lowPageCount }]) => ({
    ...rest,
    snapshot: { ...rest.snapshot, pageCount },
    lowPageCount,
  }));
const commitRequest: fc.Arbitrary<CommitRequest> = fc
  .tuple(
    some(
      {
        volumeId: arbitraryVolumeId(),
        clientId: arbitraryClientId(),
        baseLsn: arbitraryLsn(),
        pageSize: arbitraryPageSize(),
        segments: fc.array(segment, { maxLength: 3 }),
        inlineFrames: fc.array(frame, { maxLength: 3 }),
        commitId: arbitraryCommitId(),
        metadata,
      },
      ["volumeId", "clientId", "pageSize", "segments", "inlineFrames"],
    ) as fc.Arbitrary<CommitRequest>,
    counts,
  )
  .map(([rest, both]) => ({ ...rest, ...both }));
const watchEvent: fc.Arbitrary<watch.WatchEvent> = fc.oneof(
  fc.record({ kind: fc.constant("heartbeat" as const), draining: fc.boolean() }),
  fc.record({ kind: fc.constant("resync" as const), volumeId: arbitraryVolumeId() }),
  fc.record({
    kind: fc.constant("end" as const),
    volumeId: arbitraryVolumeId(),
    code: fc.constantFrom("not-found" as const, "unauthenticated" as const),
    message: text,
  }),
  some(
    {
      kind: fc.constant("news" as const),
      fromLsn: arbitraryLsn(),
      snapshot,
      pageSet: arbitraryPageSet(),
      commitIds: fc.array(arbitraryCommitId(), { maxLength: 3 }),
      inlineFrames: fc.array(frame, { maxLength: 2 }),
    },
    ["kind", "snapshot", "pageSet", "commitIds", "inlineFrames"],
  ),
);

const smallSet = arbitraryPageSet().filter((set) => set.cardinality <= 1024);
function pagesOf(size: number): fc.Arbitrary<readonly Page[]> {
  const one = fc.record({
    index: arbitraryPageIndex(),
    data: fc.nat({ max: 255 }).map((byte) => new Uint8Array(size).fill(byte)),
  });
  return fc
    .uniqueArray(one, { selector: ({ index }) => index, maxLength: 5 })
    .map((pages) => pages.sort((a, b) => a.index - b.index));
}

/** Page sets compare by their canonical bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("cardinality" in value) return plain(encodePageSet(value as PageSet));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function roundTrips<T, D extends DescMessage>(
  schema: D,
  values: fc.Arbitrary<T>,
  from: (value: T) => MessageShape<D>,
  to: (message: MessageShape<D>) => unknown,
): void {
  fc.assert(
    fc.property(values, (value) => {
      const bytes = toBinary(schema, from(value));
      expect(plain(to(fromBinary(schema, bytes)))).toEqual(plain(value));
    }),
    { numRuns: 60 },
  );
}

const volumeId = arbitraryVolumeId();
describe("what one side builds the other reads", () => {
  test("CreateVolume", () => {
    const request = fc.record({ volumeId, pageSize: arbitraryPageSize() });
    const answer = fc.record({ pageSize: arbitraryPageSize(), created: fc.boolean() });
    const { fromCreateVolumeRequest, toCreateVolumeRequest } = createVolume;
    const { fromCreateVolumeAnswer, toCreateVolumeAnswer } = createVolume;
    roundTrips(
      meta.CreateVolumeRequestSchema,
      request,
      fromCreateVolumeRequest,
      toCreateVolumeRequest,
    );
    roundTrips(
      meta.CreateVolumeResponseSchema,
      answer,
      fromCreateVolumeAnswer,
      toCreateVolumeAnswer,
    );
  });

  test("GetSnapshot", () => {
    const request: fc.Arbitrary<getSnapshot.GetSnapshotRequest> = some(
      { volumeId, lsn: arbitraryLsn() },
      ["volumeId"],
    );
    const { fromGetSnapshotRequest, toGetSnapshotRequest } = getSnapshot;
    roundTrips(
      meta.GetSnapshotRequestSchema,
      request,
      fromGetSnapshotRequest,
      toGetSnapshotRequest,
    );
    roundTrips(
      meta.GetSnapshotResponseSchema,
      snapshot,
      (value) => getSnapshot.fromGetSnapshotAnswer(value),
      getSnapshot.toGetSnapshotAnswer,
    );
  });

  test("PullGraft", () => {
    const changes = fc.record({ range, pageSet: arbitraryPageSet() });
    const answer: fc.Arbitrary<pullGraft.PullGraftAnswer> = some({ snapshot, changes }, [
      "snapshot",
    ]);
    const request = fc.record({ volumeId, range });
    const { fromPullGraftRequest, toPullGraftRequest } = pullGraft;
    const { fromPullGraftAnswer, toPullGraftAnswer } = pullGraft;
    roundTrips(meta.PullGraftRequestSchema, request, fromPullGraftRequest, toPullGraftRequest);
    roundTrips(meta.PullGraftResponseSchema, answer, fromPullGraftAnswer, toPullGraftAnswer);
  });

  test("PullCommits", () => {
    const request = fc.record({ volumeId, range, includeRecords: fc.boolean() });
    const answer = fc.record({
      commits: fc.array(commit, { maxLength: 3 }),
      hasMore: fc.boolean(),
    });
    const { fromPullCommitsRequest, toPullCommitsRequest } = pullCommits;
    const { fromPullCommitsAnswer, toPullCommitsAnswer } = pullCommits;
    roundTrips(
      meta.PullCommitsRequestSchema,
      request,
      fromPullCommitsRequest,
      toPullCommitsRequest,
    );
    roundTrips(meta.PullCommitsResponseSchema, answer, fromPullCommitsAnswer, toPullCommitsAnswer);
  });

  test("Commit", () => {
    const answer = fc.record({ snapshot, replayed: fc.boolean() });
    roundTrips(meta.CommitRequestSchema, commitRequest, fromCommitRequest, toCommitRequest);
    roundTrips(
      meta.CommitResponseSchema,
      answer,
      (value) => fromCommitAnswer(value),
      toCommitAnswer,
    );
  });

  test("Watch", () => {
    const one = some({ volumeId, lsn: arbitraryLsn() }, ["volumeId"]) as fc.Arbitrary<
      watch.WatchRequest["volumes"][number]
    >;
    const request = fc.record(
      {
        volumes: fc.uniqueArray(one, { selector: (volume) => volume.volumeId, maxLength: 4 }),
        heartbeatMs: fc.integer({ min: 1000, max: 60_000 }),
        omitPages: fc.boolean(),
        waitMs: fc.integer({ min: 1, max: watch.WATCH_WAIT_MS_MAX }),
      },
      { requiredKeys: ["volumes", "heartbeatMs", "omitPages"] },
    );
    roundTrips(meta.WatchRequestSchema, request, watch.fromWatchRequest, watch.toWatchRequest);
    roundTrips(meta.WatchResponseSchema, watchEvent, watch.fromWatchEvent, watch.toWatchEvent);
  });

  test("ReadPages and StreamPages", () => {
    const budget = fc.oneof(
      fc.constant(READ_PAGES_BUDGET_DEFAULT),
      fc.integer({ min: 0, max: READ_PAGES_BUDGET_MAX }),
    );
    const request: fc.Arbitrary<readPages.ReadPagesRequest> = some(
      {
        volumeId,
        lsn: arbitraryLsn(),
        pageSet: smallSet,
        byteBudget: budget,
        // An empty one is none.
        prefetch: smallSet.filter((set) => !set.isEmpty),
        openBundle: fc.nat(),
        query: arbitraryQuery(smallSet),
      },
      ["volumeId", "lsn", "pageSet", "byteBudget"],
    );
    const slice = fc.record({ pages: pagesOf(512), covered: arbitraryPageSet() });
    const queryEnd = fc.constantFrom("done", "stopped", "refused", "failed" as const);
    const packed = fc.array(fc.uint8Array(), { minLength: 1, maxLength: 3 });
    const more = { packed, lsn: arbitraryLsn(), queryEnd };
    const answer: fc.Arbitrary<readPages.ReadPagesAnswer> = some(
      { pages: pagesOf(512), covered: arbitraryPageSet(), ...more },
      ["pages", "covered"],
    );
    const stream: fc.Arbitrary<streamPages.StreamPagesRequest> = some(
      { volumeId, lsn: arbitraryLsn(), pageSet: arbitraryPageSet() },
      ["volumeId", "lsn"],
    );
    const { fromReadPagesRequest, toReadPagesRequest } = readPages;
    const { fromStreamPagesRequest, toStreamPagesRequest } = streamPages;
    const { fromStreamPagesAnswer, toStreamPagesAnswer } = streamPages;
    roundTrips(page.ReadPagesRequestSchema, request, fromReadPagesRequest, toReadPagesRequest);
    roundTrips(
      page.ReadPagesResponseSchema,
      answer,
      readPages.fromReadPagesAnswer,
      readPages.toReadPagesAnswer,
    );
    roundTrips(page.StreamPagesRequestSchema, stream, fromStreamPagesRequest, toStreamPagesRequest);
    roundTrips(page.StreamPagesResponseSchema, slice, fromStreamPagesAnswer, toStreamPagesAnswer);
  });

  test("WritePages", () => {
    const request = arbitraryPageSize().chain((pageSize) =>
      fc.record({ volumeId, pageSize: fc.constant(pageSize), pages: pagesOf(pageSize) }),
    );
    const { fromWritePagesRequest, toWritePagesRequest } = writePages;
    roundTrips(page.WritePagesRequestSchema, request, fromWritePagesRequest, toWritePagesRequest);
    roundTrips(
      page.WritePagesResponseSchema,
      fc.array(segment, { maxLength: 3 }),
      writePages.fromWritePagesAnswer,
      writePages.toWritePagesAnswer,
    );
  });
});

function arbitraryQuery(held: fc.Arbitrary<PageSet>): fc.Arbitrary<QueryHint> {
  const value = fc.oneof(
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
  );
  const named = fc.dictionary(fc.stringMatching(/^[:@$]?[a-z]{1,9}$/), value, { minKeys: 1 });
  const statement: fc.Arbitrary<QueryStatement> = some(
    { sql: fc.string(), values: fc.array(value), named, rowLimit: fc.nat() },
    ["sql", "values"],
  );
  const statements = fc.array(statement, { minLength: 1, maxLength: 4 });
  return some({ statements, held, timeBudgetMs: fc.nat(), pageBudget: fc.nat() }, ["statements"]);
}
