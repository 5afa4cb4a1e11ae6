import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  createClientId,
  createSegmentId,
  decodePageSet,
  gidBytes,
  type Lsn,
  type Page,
  toLsn,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { buildSegment, segmentKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { GraftErrCode, GraftErrSchema, type SegmentInfo } from "@graft/proto-gen/common";
import {
  CommitRequestSchema,
  CommitResponseSchema,
  GetSnapshotRequestSchema,
  GetSnapshotResponseSchema,
  PullCommitsRequestSchema,
  PullCommitsResponseSchema,
  PullGraftRequestSchema,
  PullGraftResponseSchema,
} from "@graft/proto-gen/metastore";
import { fromSegmentInfo, toRawError } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import { createTestMetastore, type TestMetastore } from "../testing/test-metastore.ts";

const PAGE_SIZE = toPageSize(4096);
type Answer<T> = T | { readonly code: GraftErrCode; readonly message: string };

async function call<I extends DescMessage, O extends DescMessage>(
  on: TestMetastore,
  path: string,
  input: I,
  output: O,
  init: MessageInitShape<I>,
): Promise<Answer<MessageShape<O>>> {
  const route = on.rawRoutes.find((candidate) => candidate.path === `/metastore/v1/${path}`);
  const context = { signal: new AbortController().signal, token: undefined };
  try {
    const bytes = await route?.handle(toBinary(input, create(input, init)), context);
    expect(bytes).toBeInstanceOf(Uint8Array);
    return fromBinary(output, bytes instanceof Uint8Array ? bytes : new Uint8Array(0));
  } catch (error) {
    const { code, message } = fromBinary(GraftErrSchema, toRawError(error).body);
    return { code, message };
  }
}
const snapshot = (on: TestMetastore, init: MessageInitShape<typeof GetSnapshotRequestSchema>) =>
  call(on, "snapshot", GetSnapshotRequestSchema, GetSnapshotResponseSchema, init);
const pullGraft = (on: TestMetastore, init: MessageInitShape<typeof PullGraftRequestSchema>) =>
  call(on, "pull_graft", PullGraftRequestSchema, PullGraftResponseSchema, init);
const pullCommits = (on: TestMetastore, init: MessageInitShape<typeof PullCommitsRequestSchema>) =>
  call(on, "pull_commits", PullCommitsRequestSchema, PullCommitsResponseSchema, init);
const commit = (on: TestMetastore, init: MessageInitShape<typeof CommitRequestSchema>) =>
  call(on, "commit", CommitRequestSchema, CommitResponseSchema, init);

function pages(byte: number, ...indexes: number[]): Page[] {
  return indexes.map((index) => ({
    index: toPageIndex(index),
    data: new Uint8Array(4096).fill(byte),
  }));
}
/** What `write_pages` would answer: a new segment each time. */
async function write(on: TestMetastore, content: readonly Page[]): Promise<SegmentInfo> {
  const { volumeId } = on;
  const segmentId = createSegmentId(on);
  const options = { volumeId, segmentId, pageSize: PAGE_SIZE };
  const { bytes, footer } = await buildSegment(content, options, on.compute);
  await on.store.put(segmentKey(volumeId, segmentId), bytes);
  return fromSegmentInfo({ segmentId, pageSet: footer.pageSet });
}
async function request(
  on: TestMetastore,
  base: Lsn | undefined,
  pageCount: number,
  ...contents: (readonly Page[])[]
): Promise<MessageInitShape<typeof CommitRequestSchema>> {
  const segments = await Promise.all(contents.map((content) => write(on, content)));
  const ids = { vid: gidBytes(on.volumeId), cid: gidBytes(on.clientId) };
  return { ...ids, ...(base === undefined ? {} : { snapshotLsn: base }), pageCount, segments };
}
const vidOf = (on: TestMetastore) => gidBytes(on.volumeId);
const MISSING = { code: GraftErrCode.SNAPSHOT_MISSING };
const REJECTED = { code: GraftErrCode.COMMIT_REJECTED };
const CLIENT = { code: GraftErrCode.CLIENT };

describe("pull_graft", () => {
  test("answers code 2 for an unknown volume, and when nothing is newer", async () => {
    const on = createTestMetastore();
    const range = { inclusiveStart: 1n };
    expect(await pullGraft(on, { vid: vidOf(on), range })).toMatchObject(MISSING);
    await commit(on, await request(on, undefined, 2, pages(1, 1, 2)));
    const answer = await pullGraft(on, { vid: vidOf(on), range });
    expect(answer).toMatchObject({
      snapshot: { lsn: 1n, pageCount: 2, checkpointLsn: 1n },
      range: { inclusiveStart: 1n, inclusiveEnd: 1n },
    });
    const set = decodePageSet("graft" in answer ? answer.graft : new Uint8Array(0), "corrupt");
    expect([...set]).toEqual([1, 2]);
    expect(await pullGraft(on, { vid: vidOf(on), range: { inclusiveStart: 2n } })).toMatchObject(
      MISSING,
    );
    expect(await pullGraft(on, { vid: vidOf(on), range: { inclusiveStart: 0n } })).toMatchObject(
      CLIENT,
    );
  });

  test("of an idle volume costs the object store nothing, once the head is known", async () => {
    const metered = new MeteredObjectStore(new MemoryObjectStore(), new SimulatedClock());
    const on = createTestMetastore({ store: metered, clock: new SimulatedClock() });
    const poll = async (start: bigint) => {
      const range = { inclusiveStart: start };
      expect(await pullGraft(on, { vid: vidOf(on), range })).toMatchObject(MISSING);
    };
    await poll(1n);
    const unknown = metered.meter.requestCount;
    for (let at = 0; at < 10; at++) await poll(1n);
    expect(metered.meter.requestCount).toBe(unknown);
    await commit(on, await request(on, undefined, 1, pages(1, 1)));
    const known = metered.meter.requestCount;
    for (let at = 0; at < 10; at++) await poll(2n);
    expect(metered.meter.requestCount).toBe(known);
  });
});

describe("snapshot and pull_commits", () => {
  test("answer what exists, and code 2 for what does not", async () => {
    const on = createTestMetastore();
    const vid = vidOf(on);
    expect(await snapshot(on, { vid })).toMatchObject(MISSING);
    expect(await pullCommits(on, { vid })).toMatchObject(MISSING);
    await commit(on, await request(on, undefined, 2, pages(1, 1, 2)));
    await commit(on, await request(on, toLsn(1n), 1));
    expect(await snapshot(on, { vid })).toMatchObject({ snapshot: { lsn: 2n, pageCount: 1 } });
    expect(await snapshot(on, { vid, lsn: 1n })).toMatchObject({ snapshot: { pageCount: 2 } });
    expect(await snapshot(on, { vid, lsn: 3n })).toMatchObject(MISSING);
    const all = await pullCommits(on, { vid, range: { inclusiveStart: 1n } });
    expect("commits" in all && all.commits.map((one) => one.segments.length)).toEqual([1, 0]);
    const none = await pullCommits(on, { vid, range: { inclusiveStart: 3n } });
    expect("commits" in none && none.commits).toEqual([]);
    const range = { inclusiveStart: 1n, inclusiveEnd: 3n };
    expect(await pullCommits(on, { vid, range })).toMatchObject(MISSING);
  });
});

describe("commit without a commit id", () => {
  test("sent again with new segments of the same pages returns the first snapshot", async () => {
    const on = createTestMetastore();
    const first = await commit(on, await request(on, undefined, 3, pages(1, 1, 2), pages(2, 3)));
    await (on.clock as SimulatedClock).advance(5000);
    const again = await commit(on, await request(on, undefined, 3, pages(1, 1, 2), pages(2, 3)));
    expect(again).toMatchObject({ replayed: true });
    expect("snapshot" in again && again.snapshot).toEqual("snapshot" in first && first.snapshot);
    const cold = createTestMetastore({ store: on.store, clock: on.clock });
    const third = await request(on, undefined, 3, pages(1, 1, 2), pages(2, 3));
    expect(await commit(cold, third)).toMatchObject({ replayed: true, snapshot: { lsn: 1n } });
  });

  type Wrong = (on: TestMetastore) => ReturnType<typeof request>;
  const WRONG: readonly (readonly [string, Wrong, { code: GraftErrCode }])[] = [
    ["another page count", (on) => request(on, undefined, 4, pages(1, 1, 2)), CLIENT],
    ["a page less", (on) => request(on, undefined, 3, pages(1, 1)), CLIENT],
    ["a page more", (on) => request(on, undefined, 3, pages(1, 1, 2, 3)), CLIENT],
    ["a page twice", (on) => request(on, undefined, 3, pages(1, 1, 2), pages(1, 2)), CLIENT],
    ["other contents", (on) => request(on, undefined, 3, pages(2, 1, 2)), REJECTED],
    [
      "another client",
      async (on) => ({
        ...(await request(on, undefined, 3, pages(1, 1, 2))),
        cid: gidBytes(createClientId(on)),
      }),
      REJECTED,
    ],
    [
      "a commit id",
      async (on) => ({
        ...(await request(on, undefined, 3, pages(1, 1, 2))),
        commitId: new Uint8Array(16),
      }),
      REJECTED,
    ],
  ];
  test.each(WRONG)(
    "sent again with %s is refused, here and on a cold node",
    async (_, wrong, code) => {
      const on = createTestMetastore();
      await commit(on, await request(on, undefined, 3, pages(1, 1, 2)));
      const again = await wrong(on);
      expect(await commit(on, again)).toMatchObject(code);
      const cold = createTestMetastore({ store: on.store, clock: on.clock });
      expect(await commit(cold, again)).toMatchObject(code);
    },
  );

  test("on a base that does not exist, or that moved, is code 3", async () => {
    const on = createTestMetastore();
    expect(await commit(on, await request(on, toLsn(1n), 1, pages(1, 1)))).toMatchObject(REJECTED);
    await commit(on, await request(on, undefined, 1, pages(1, 1)));
    await commit(on, await request(on, toLsn(1n), 1, pages(2, 1)));
    expect(await commit(on, await request(on, toLsn(7n), 1, pages(1, 1)))).toMatchObject(REJECTED);
    const stale = {
      ...(await request(on, toLsn(1n), 1, pages(3, 1))),
      cid: gidBytes(createClientId(on)),
    };
    expect(await commit(on, stale)).toMatchObject(REJECTED);
  });

  test("answers a snapshot above the base, with 4096-byte pages", async () => {
    const on = createTestMetastore();
    const answer = await commit(on, await request(on, undefined, 1, pages(1, 1)));
    expect(answer).toMatchObject({
      snapshot: { lsn: 1n, pageSize: 4096, checkpointLsn: 1n, cid: gidBytes(on.clientId) },
    });
  });

  test("to a volume of another page size is a client error that names both", async () => {
    const on = createTestMetastore();
    await on.metastore.createVolume(on.volumeId, toPageSize(1024));
    const answer = await commit(on, await request(on, undefined, 1, pages(1, 1)));
    expect(answer).toMatchObject({ ...CLIENT, message: expect.stringMatching(/1024.*4096/) });
  });
});
