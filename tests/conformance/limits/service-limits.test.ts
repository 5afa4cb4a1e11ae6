/**
 * Each limit of the services, on a real port: the greatest request that is answered, and the first
 * that is refused.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  COMMIT_METADATA_SIZE_MAX,
  COMMIT_SEGMENT_COUNT_MAX,
  concatBytes,
  createClientId,
  createCommitId,
  createSegmentId,
  createVolumeId,
  decodePageSet,
  encodePageSet,
  gidBytes,
  INLINE_PAGES_SIZE_MAX,
  type PageSize,
  PULL_COMMITS_SIZE_MAX,
  pageRange,
  pageSetOf,
  READ_PAGES_BUDGET_DEFAULT,
  READ_PAGES_COUNT_MAX,
  REQUEST_BODY_SIZE_MAX,
  toPageIndex,
  toPageSize,
  type VolumeId,
  WATCH_VOLUME_COUNT_MAX,
  WRITE_PAGES_SIZE_MAX,
} from "@graft/core";
import { nodeCompute as compute, systemClock } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { encodeFrame } from "@graft/format";
import type { SegmentInfo } from "@graft/proto-gen/common";
import { GetSnapshotRequestSchema, PullCommitsResponseSchema } from "@graft/proto-gen/metastore";
import { ReadPagesResponseSchema } from "@graft/proto-gen/pagestore";
import { createClients, fromFrame, type GraftClients } from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../harness/cluster.ts";
import { commitPages } from "../../harness/pages.ts";
import { RpcCaller } from "../fuzz/rpc-caller.ts";

const MIB = 1024 * 1024;
const SIZES = [512, 4096, 65_536].map((size) => ({ pageSize: toPageSize(size) }));
const random = new SeededRandom(3);
const ids = { random, clock: systemClock };

let cluster: Cluster;
let clients: GraftClients;
let closeTransport: () => void;
let cid: Uint8Array;

beforeAll(async () => {
  cluster = await Cluster.start({ network: "tcp" });
  const baseUrl = cluster.url ?? "";
  const { transport, close } = createNodeTransport({ baseUrl, clock: systemClock });
  clients = createClients(transport);
  closeTransport = close;
  cid = gidBytes(createClientId(ids));
});
afterAll(async () => {
  closeTransport();
  await cluster[Symbol.asyncDispose]();
});

/** Pages that no compression makes smaller, as they go over the wire. */
function noisePages(pageSize: number, count: number): { pageidx: number; data: Uint8Array }[] {
  return Array.from({ length: count }, (_, at) => {
    const data = new Uint8Array(pageSize);
    random.fill(data);
    return { pageidx: at + 1, data };
  });
}

interface CommitParts {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  readonly pageCount: number;
  readonly baseLsn?: bigint;
  readonly pages?: readonly { pageidx: number; data: Uint8Array }[];
  readonly segments?: readonly SegmentInfo[];
  readonly message?: string;
}

/** Commits, its pages inline in as few frames as hold them. */
async function commit(parts: CommitParts): Promise<unknown> {
  const { volumeId, pageSize, pageCount, baseLsn, pages = [], segments = [], message } = parts;
  const inlineFrames = [];
  const perFrame = Math.min(64, (256 * 1024) / pageSize);
  for (let at = 0; at < pages.length; at += perFrame) {
    const content = pages
      .slice(at, at + perFrame)
      .map(({ pageidx, data }) => ({ index: toPageIndex(pageidx), data }));
    inlineFrames.push(fromFrame(await encodeFrame(content, { volumeId, pageSize }, compute)));
  }
  return await clients.metastore.commit({
    vid: gidBytes(volumeId),
    cid,
    pageSize,
    pageCount,
    inlineFrames,
    segments: [...segments],
    commitId: createCommitIdBytes(),
    ...(baseLsn === undefined ? {} : { snapshotLsn: baseLsn }),
    ...(message === undefined ? {} : { metadata: { message } }),
  });
}

function createCommitIdBytes(): Uint8Array {
  return Uint8Array.from(Buffer.from(createCommitId(random), "hex"));
}

/** A volume of noise, uploaded in segments and committed. */
async function createFilled(pageSize: PageSize, pageCount: number): Promise<VolumeId> {
  const volumeId = createVolumeId(ids);
  const segments: SegmentInfo[] = [];
  const part = Math.min(pageCount, WRITE_PAGES_SIZE_MAX / pageSize);
  const content = noisePages(pageSize, part);
  for (let first = 1; first <= pageCount; first += part) {
    const pages = content.map(({ data }, at) => ({ pageidx: first + at, data }));
    const answer = await clients.pagestore.writePages({ vid: gidBytes(volumeId), pageSize, pages });
    segments.push(...answer.segments);
  }
  await commit({ volumeId, pageSize, pageCount, segments });
  return volumeId;
}

const invalid = expect.objectContaining({ code: "invalid-argument" });

describe("a request body", () => {
  const path = "/metastore/v1/snapshot";
  const connectPath = "/graft.metastore.v1.MetastoreService/GetSnapshot";

  /** A legal request in so many bytes: an unknown field fills it up. */
  function bodyOf(size: number, volumeId: VolumeId): Uint8Array {
    const message = create(GetSnapshotRequestSchema, { vid: gidBytes(volumeId) });
    const content = toBinary(GetSnapshotRequestSchema, message);
    // Field 100 of bytes: a tag of two and a length of four.
    const fillSize = size - content.length - 6;
    const length = [0, 7, 14, 21].map((shift) => (fillSize >>> shift) & 0x7f);
    const header = Uint8Array.of(
      0xa2,
      0x06,
      ...length.map((bits, at) => (at < 3 ? bits | 0x80 : bits)),
    );
    return concatBytes([content, header, new Uint8Array(fillSize)]);
  }

  test("of 32 MiB is read, and of one byte more is not", async () => {
    const volumeId = await createFilled(toPageSize(4096), 1);
    using caller = new RpcCaller(cluster.url ?? "");
    const most = bodyOf(REQUEST_BODY_SIZE_MAX, volumeId);
    expect((await caller.call(path, "raw", most)).isAccepted).toBe(true);
    expect((await caller.call(connectPath, "connect", most)).isAccepted).toBe(true);
    const more = bodyOf(REQUEST_BODY_SIZE_MAX + 1, volumeId);
    expect((await caller.call(path, "raw", more)).code).toBe("400");
    expect((await caller.call(connectPath, "connect", more)).code).toBe("resource_exhausted");
  });
});

describe.each(SIZES)("with pages of $pageSize bytes", ({ pageSize }) => {
  test("ReadPages names 1024 pages and answers within its budgets", async () => {
    const volumeId = await createFilled(pageSize, READ_PAGES_COUNT_MAX);
    const ask = { vid: gidBytes(volumeId), lsn: 1n };
    const graft = encodePageSet(pageRange(1, READ_PAGES_COUNT_MAX));
    const most = await clients.pagestore.readPages({ ...ask, graft, byteBudget: 0xffff_ffff });
    expect(toBinary(ReadPagesResponseSchema, most).length).toBeLessThan(8 * MIB);
    const byDefault = await clients.pagestore.readPages({ ...ask, graft });
    const dataSize = byDefault.pages.reduce((sum, { data }) => sum + data.length, 0);
    expect(dataSize).toBeLessThanOrEqual(READ_PAGES_BUDGET_DEFAULT);
    expect(decodePageSet(byDefault.covered, "internal").cardinality).toBe(byDefault.pages.length);
    expect(byDefault.pages).toHaveLength(
      Math.min(READ_PAGES_COUNT_MAX, READ_PAGES_BUDGET_DEFAULT / pageSize),
    );
    const more = encodePageSet(pageRange(1, READ_PAGES_COUNT_MAX + 1));
    await expect(clients.pagestore.readPages({ ...ask, graft: more })).rejects.toThrow(invalid);
  });

  test("WritePages takes 8 MiB, and not one page more", async () => {
    const vid = gidBytes(createVolumeId(ids));
    const count = WRITE_PAGES_SIZE_MAX / pageSize;
    const pages = noisePages(pageSize, count + 1);
    const { segments } = await clients.pagestore.writePages({
      vid,
      pageSize,
      pages: pages.slice(0, count),
    });
    const stored = segments.map(({ graft }) => decodePageSet(graft, "internal").cardinality);
    expect(stored.reduce((sum, pageCount) => sum + pageCount, 0)).toBe(count);
    await expect(clients.pagestore.writePages({ vid, pageSize, pages })).rejects.toThrow(invalid);
  });

  test("Commit takes 128 KiB inline, and not one page more", async () => {
    const volumeId = createVolumeId(ids);
    const count = INLINE_PAGES_SIZE_MAX / pageSize;
    const pages = noisePages(pageSize, count + 1);
    const parts = { volumeId, pageSize, pageCount: count + 1 };
    await expect(commit({ ...parts, pages })).rejects.toThrow(invalid);
    await commit({ ...parts, pages: pages.slice(0, count) });
    const graft = encodePageSet(pageRange(1, count + 1));
    const ask = { vid: gidBytes(volumeId), lsn: 1n, graft };
    expect((await clients.pagestore.readPages(ask)).pages).toHaveLength(count);
  });

  test("a volume has 2^32 − 2 pages, the last of them written, and not one more", async () => {
    const client = await cluster.openClient();
    const volume = await client.createVolume({ pageSize });
    commitPages(volume, { 1: 1, 2147483648: 2, 4294967294: 3 }, 0xffff_fffe);
    await volume.push();
    const graft = encodePageSet(pageSetOf([1, 2, 0x8000_0000, 0xffff_fffe].map(toPageIndex)));
    const ask = { vid: gidBytes(volume.volumeId), lsn: 1n, graft };
    const answer = await clients.pagestore.readPages(ask);
    expect(answer.pages.map(({ pageidx }) => pageidx)).toEqual([1, 0x8000_0000, 0xffff_fffe]);
    const more = { volumeId: volume.volumeId, pageSize, pageCount: 0xffff_ffff, baseLsn: 1n };
    await expect(commit(more)).rejects.toThrow(invalid);
    const beyond = encodePageSet(pageRange(0xffff_ffff, 0xffff_ffff));
    const none = await clients.pagestore.readPages({ ...ask, graft: beyond });
    expect(none.pages).toEqual([]);
    await client.close();
  });
});

describe("a volume", () => {
  test.each([1, 511, 513, 131_072, 0xffff_ffff])(
    "of pages of %i bytes is none",
    async (pageSize) => {
      const vid = gidBytes(createVolumeId(ids));
      const made = clients.metastore.createVolume({ vid, pageSize });
      await expect(made).rejects.toThrow(invalid);
      await expect(clients.pagestore.writePages({ vid, pageSize, pages: [] })).rejects.toThrow(
        invalid,
      );
    },
  );
});

describe("a commit", () => {
  const pageSize = toPageSize(4096);

  test("has 4 KiB of metadata, and not a byte more", async () => {
    const parts = { volumeId: createVolumeId(ids), pageSize, pageCount: 1 };
    const message = "x".repeat(COMMIT_METADATA_SIZE_MAX + 1);
    await expect(commit({ ...parts, message })).rejects.toThrow(invalid);
    await commit({ ...parts, message: message.slice(1) });
  });

  test("names 65,536 segments, and not one more", async () => {
    const volumeId = createVolumeId(ids);
    const named = Array.from({ length: COMMIT_SEGMENT_COUNT_MAX + 1 }, (_, at) => ({
      $typeName: "graft.common.v1.SegmentInfo" as const,
      sid: gidBytes(createSegmentId(ids)),
      graft: encodePageSet(pageSetOf([toPageIndex(at + 1)])),
      size: 9000n,
    }));
    const parts = { volumeId, pageSize, pageCount: 70_000 };
    // None of them exists: who is told so has passed the limit.
    const most = commit({ ...parts, segments: named.slice(1) });
    await expect(most).rejects.toThrow(expect.objectContaining({ code: "not-found" }));
    await expect(commit({ ...parts, segments: named })).rejects.toThrow(invalid);
  });
});

describe("an answer to PullCommits", () => {
  test("takes at most 4 MiB, and always one commit", async () => {
    const pageSize = toPageSize(65_536);
    const volumeId = createVolumeId(ids);
    const commitCount = 40;
    for (let lsn = 0; lsn < commitCount; lsn++) {
      const base = lsn === 0 ? {} : { baseLsn: BigInt(lsn) };
      await commit({ volumeId, pageSize, pageCount: 2, pages: noisePages(65_536, 2), ...base });
    }
    let next = 1n;
    let answers = 0;
    while (next <= BigInt(commitCount)) {
      const range = { inclusiveStart: next };
      const ask = { vid: gidBytes(volumeId), range, includeRecords: true };
      const answer = await clients.metastore.pullCommits(ask);
      expect(answer.commits.length).toBeGreaterThan(0);
      expect(toBinary(PullCommitsResponseSchema, answer).length).toBeLessThanOrEqual(
        PULL_COMMITS_SIZE_MAX,
      );
      next += BigInt(answer.commits.length);
      expect(answer.hasMore).toBe(next <= BigInt(commitCount));
      answers++;
    }
    expect(answers).toBe(2);
  });
});

describe("Watch", () => {
  test("takes 10,000 volumes a stream, and not one more", async () => {
    const volumes = Array.from({ length: WATCH_VOLUME_COUNT_MAX + 1 }, () => ({
      vid: gidBytes(createVolumeId(ids)),
    }));
    const refused = clients.metastore.watch({ volumes })[Symbol.asyncIterator]().next();
    await expect(refused).rejects.toThrow(invalid);
    const leave = new AbortController();
    const heartbeatMs = 1000;
    const stream = clients.metastore.watch(
      { volumes: volumes.slice(1), heartbeatMs },
      { signal: leave.signal },
    );
    for await (const { event } of stream) {
      expect(event.case).not.toBe("end");
      break;
    }
    leave.abort();
  });
});

describe("a tag", () => {
  test("has 64 characters, and not one more", async () => {
    const directory = { path: "/data", fileSystem: new SimulatedDisk() };
    const client = await cluster.openClient({ directory });
    const volume = await client.createVolume();
    const tag = "t".repeat(64);
    await client.addTag(tag, volume.volumeId);
    for (const wrong of [`${tag}t`, "", "a b", "../a", ".hidden", "ä"]) {
      await expect(client.addTag(wrong, volume.volumeId)).rejects.toThrow(invalid);
    }
    await client.close();
  });
});
