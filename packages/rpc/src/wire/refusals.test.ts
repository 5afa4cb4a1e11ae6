import { create } from "@bufbuild/protobuf";
import { gidBytes, isGraftError, parseClientId, parseVolumeId } from "@graft/core";
import type { FrameCodec } from "@graft/proto-gen/common";
import * as meta from "@graft/proto-gen/metastore";
import * as page from "@graft/proto-gen/pagestore";
import { describe, expect, test } from "vitest";
import { toCommitAnswer, toCommitRequest } from "./commit-request.ts";
import { toCreateVolumeRequest } from "./create-volume.ts";
import { toGetSnapshotRequest } from "./get-snapshot.ts";
import { toPullGraftAnswer, toPullGraftRequest } from "./pull-graft.ts";
import { toReadPagesRequest } from "./read-pages.ts";
import { toStreamPagesRequest } from "./stream-pages.ts";
import { toWatchEvent, toWatchRequest } from "./watch.ts";
import { toWritePagesAnswer, toWritePagesRequest } from "./write-pages.ts";

const vid = gidBytes(parseVolumeId("GonugMKom6Q92W5YddpVTd"));
const cid = gidBytes(parseClientId("QiAaT13YZ7eaoi5HHq8hKM"));
const sid = Uint8Array.of(0xa0, ...new Uint8Array(15));
/** {} and {1}, and {0}. */
const NONE = Uint8Array.from([0xda, 0xae, 0x12, 0xdf, 0, 0, 0, 0]);
const ONE = splinter(1);
const ZERO = splinter(0);
function splinter(low: number): Uint8Array {
  const tail = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
  return Uint8Array.from([0xda, 0xae, 0x12, 0xdf, low, ...tail]);
}

type CommitInit = Parameters<typeof create<typeof meta.CommitRequestSchema>>[1];
function commit(init: CommitInit): unknown {
  const base = { vid, cid, pageCount: 1 };
  return toCommitRequest(create(meta.CommitRequestSchema, { ...base, ...init }));
}
function read(init: Parameters<typeof create<typeof page.ReadPagesRequestSchema>>[1]): unknown {
  const base = { vid, lsn: 1n, graft: ONE };
  return toReadPagesRequest(create(page.ReadPagesRequestSchema, { ...base, ...init }));
}
function write(init: Parameters<typeof create<typeof page.WritePagesRequestSchema>>[1]): unknown {
  return toWritePagesRequest(create(page.WritePagesRequestSchema, { vid, ...init }));
}
function watch(init: Parameters<typeof create<typeof meta.WatchRequestSchema>>[1]): unknown {
  return toWatchRequest(create(meta.WatchRequestSchema, init));
}
const frame = { pageSet: ONE, hash: new Uint8Array(16), data: new Uint8Array(1) };
const pageOf = (pageidx: number, size = 4096) => ({ pageidx, data: new Uint8Array(size) });

const REFUSED: readonly (readonly [string, () => unknown, RegExp])[] = [
  ["a commit without a volume", () => commit({ vid: new Uint8Array(0) }), /volume id/],
  ["a segment id for a volume id", () => commit({ vid: sid }), /another kind/],
  ["a volume id for a client id", () => commit({ cid: vid }), /another kind/],
  ["a base of LSN 0", () => commit({ snapshotLsn: 0n }), /invalid LSN 0/],
  ["a page count of 2^32−1", () => commit({ pageCount: 0xffff_ffff }), /page count/],
  ["a low page count above the page count", () => commit({ lowPageCount: 2 }), /low page count 2/],
  ["a page size that is no power of two", () => commit({ pageSize: 1000 }), /page size 1000/],
  ["a short commit id", () => commit({ commitId: new Uint8Array(15) }), /commit id/],
  ["a segment with a malformed set", () => commit({ segments: [{ sid, graft: cid }] }), /page set/],
  ["a segment with page 0", () => commit({ segments: [{ sid, graft: ZERO }] }), /index 0/],
  ["a segment id of another kind", () => commit({ segments: [{ sid: vid, graft: ONE }] }), /kind/],
  [
    "a segment over the limit",
    () => commit({ segments: [{ sid, graft: ONE, size: 2n ** 40n }] }),
    /over the limit/,
  ],
  [
    "a segment owner of another kind",
    () => commit({ segments: [{ sid, graft: ONE, ownerVid: cid }] }),
    /another kind/,
  ],
  [
    "65 537 segments",
    () => commit({ segments: new Array(65_537).fill({ sid, graft: ONE }) }),
    /65537 segments/,
  ],
  [
    "a frame with a short hash",
    () => commit({ inlineFrames: [{ ...frame, hash: sid.slice(1) }] }),
    /hash/,
  ],
  [
    "a frame of an unknown codec",
    () => commit({ inlineFrames: [{ ...frame, codec: 2 as FrameCodec }] }),
    /codec 2/,
  ],
  ["metadata over 4 KiB", () => commit({ metadata: { message: "é".repeat(2049) } }), /4098 bytes/],
  ["a read at LSN 0", () => read({ lsn: 0n }), /invalid LSN/],
  ["a read of page 0", () => read({ graft: ZERO }), /index 0/],
  ["a read of 1025 pages", () => read({ graft: MANY }), /at most 1024/],
  ["a malformed prefetch hint", () => read({ prefetch: { graft: cid } }), /page set/],
  ["a write of page 0", () => write({ pages: [pageOf(0)] }), /page index 0/],
  ["a write of page 2^32−1", () => write({ pages: [pageOf(0xffff_ffff)] }), /page index/],
  ["a short page", () => write({ pages: [pageOf(1, 4095)] }), /4095 bytes: expected 4096/],
  ["a page of another size", () => write({ pageSize: 512, pages: [pageOf(1)] }), /expected 512/],
  [
    "a page twice",
    () => write({ pages: [pageOf(2), pageOf(1), pageOf(2)] }),
    /duplicate page index 2/,
  ],
  ["8 MiB and a page", () => write({ pages: new Array(2049).fill(pageOf(1)) }), /split it/],
  ["a watch of a volume twice", () => watch({ volumes: [{ vid }, { vid }] }), /twice/],
  ["a watch of 10 001 volumes", () => watch({ volumes: new Array(10_001).fill({ vid }) }), /10000/],
  ["a heartbeat of 999 ms", () => watch({ heartbeatMs: 999 }), /1000 … 60000/],
  ["a wait of 60 001 ms", () => watch({ waitMs: 60_001 }), /at most 60000/],
  [
    "a range that ends before it starts",
    () =>
      toPullGraftRequest(
        create(meta.PullGraftRequestSchema, {
          vid,
          range: { inclusiveStart: 2n, inclusiveEnd: 1n },
        }),
      ),
    /ends before it starts/,
  ],
  [
    "a snapshot at LSN 0",
    () => toGetSnapshotRequest(create(meta.GetSnapshotRequestSchema, { vid, lsn: 0n })),
    /invalid LSN/,
  ],
  [
    "a volume with pages of 256 bytes",
    () => toCreateVolumeRequest(create(meta.CreateVolumeRequestSchema, { vid, pageSize: 256 })),
    /512 … 65536/,
  ],
];
/** {256 … 1535}: 1280 members. */
const MANY = Uint8Array.from([
  0xda, 0xae, 0x12, 0xdf, 1, 2, 3, 4, 5, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
]);

describe("refused as invalid-argument", () => {
  test.each(REFUSED)("%s", (_what, refused, message) => {
    let error: unknown;
    try {
      refused();
    } catch (caught) {
      error = caught;
    }
    expect(isGraftError(error, "invalid-argument")).toBe(true);
    expect(String(error)).toMatch(message);
  });
});

describe("absent means", () => {
  test("what v0.1 means: 4096-byte pages, the page count, no commit id", () => {
    const request = toCommitRequest(
      create(meta.CommitRequestSchema, {
        vid,
        cid,
        pageCount: 7,
        segments: [{ sid, graft: NONE }],
      }),
    );
    expect(request).toMatchObject({ pageSize: 4096, pageCount: 7, lowPageCount: 7 });
    expect(Object.keys(request)).not.toContain("commitId");
    expect(Object.keys(request)).not.toContain("baseLsn");
  });

  test("everything, for a range and for a stream's page set", () => {
    const pull = toPullGraftRequest(create(meta.PullGraftRequestSchema, { vid }));
    expect(pull.range).toEqual({ start: 1n });
    const stream = toStreamPagesRequest(create(page.StreamPagesRequestSchema, { vid, lsn: 1n }));
    expect(Object.keys(stream)).not.toContain("pageSet");
  });

  test("the default, for a budget; more than the limit is the limit", () => {
    const ask = (byteBudget?: number) =>
      read(byteBudget === undefined ? {} : { byteBudget }) as { byteBudget: number };
    expect(ask().byteBudget).toBe(3 * 1024 * 1024);
    expect(ask(100_000_000).byteBudget).toBe(7 * 1024 * 1024);
  });
});

describe("a malformed answer is the server's fault", () => {
  test.each([
    ["Commit", () => toCommitAnswer(create(meta.CommitResponseSchema, {}))],
    ["PullGraft", () => toPullGraftAnswer(create(meta.PullGraftResponseSchema, {}))],
    [
      "WritePages",
      () => toWritePagesAnswer(create(page.WritePagesResponseSchema, { segments: [{ sid: vid }] })),
    ],
    [
      "Watch",
      () =>
        toWatchEvent(
          create(meta.WatchResponseSchema, { event: { case: "resync", value: { vid: cid } } }),
        ),
    ],
  ])("%s", (rpc, malformed) => {
    expect(malformed).toThrow(`malformed answer to ${rpc}`);
  });

  test("an event of a newer server is no event", () => {
    expect(toWatchEvent(create(meta.WatchResponseSchema, {}))).toBeUndefined();
  });
});
