import { toBinary } from "@bufbuild/protobuf";
import { decodeCatalogCommit } from "@graft/catalog";
import { createSegmentId, MutablePageSet, toLsn, toPageCount } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { encodeCommitRecord, encodeHeadHint, headKey, logKey } from "@graft/format";
import { randomCommitRecord } from "@graft/format/testing";
import { CommitSchema } from "@graft/proto-gen/common";
import { fromCommit } from "@graft/rpc";
import { expect, test } from "vitest";
import { fullForm, shortForm, wireSizeOf } from "./pulled-commit.ts";
import { createTestMetastore, inlineCommitOf } from "./testing/test-metastore.ts";

test("the size of a commit in an answer is never underestimated, and not by far over", () => {
  const random = new SeededRandom(4);
  for (let at = 0; at < 60; at++) {
    const record = randomCommitRecord(random, {});
    const bytes = encodeCommitRecord(record, nodeCompute);
    const commit = decodeCatalogCommit(bytes, record, nodeCompute);
    for (const form of [shortForm(commit), fullForm(commit, bytes)]) {
      const actual = toBinary(CommitSchema, fromCommit(form)).length;
      expect(wireSizeOf(form)).toBeGreaterThanOrEqual(actual);
      expect(wireSizeOf(form)).toBeLessThan(4 * actual + 400);
    }
  }
});

test("a commit that is over the limit alone is answered in its short form, and alone", async () => {
  const on = createTestMetastore();
  const { volumeId, clientId } = on;
  const page = { index: 1 as never, data: new Uint8Array(4096) };
  await on.metastore.commit(await inlineCommitOf(on, undefined, [page]));
  const first = await on.store.get(logKey(volumeId, toLsn(1n)));
  // Page sets of 2 MiB, which the full form carries twice: in the record and beside it.
  const segments = Array.from({ length: 64 }, (_, at) => {
    const pageSet = new MutablePageSet();
    for (let page = 1; page <= 8000; page++) pageSet.insert(1 + (at * 8000 + page) * 300);
    return { segmentId: createSegmentId(on), pageSet, size: 100_000, frames: [] };
  });
  const bytes = encodeCommitRecord(
    {
      volumeId,
      clientId,
      lsn: toLsn(2n),
      timestampMs: 0,
      pageSize: 4096 as never,
      pageCount: toPageCount(4_000_000_000),
      parentHash: nodeCompute.sha256(first?.bytes ?? new Uint8Array(0)),
      segments,
      inlineFrames: [],
    },
    nodeCompute,
  );
  expect(bytes.length).toBeGreaterThan(2 * 1024 * 1024);
  await on.store.put(logKey(volumeId, toLsn(2n)), bytes);
  await on.store.put(headKey(volumeId), encodeHeadHint(toLsn(2n)));
  const cold = createTestMetastore({ store: on.store });
  const pull = async (start: bigint) =>
    await cold.metastore.pullCommits({
      volumeId,
      range: { start: toLsn(start) },
      includeRecords: true,
    });
  const one = await pull(1n);
  expect(one.commits.map(({ snapshot }) => snapshot.lsn)).toEqual([1n]);
  expect(one.hasMore).toBe(true);
  const two = await pull(2n);
  expect(two.commits).toHaveLength(1);
  expect(two.hasMore).toBe(false);
  expect(two.commits[0]?.record).toBeUndefined();
  expect(two.commits[0]?.segments).toHaveLength(64);
});
