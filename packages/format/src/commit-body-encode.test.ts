import { create, toBinary } from "@bufbuild/protobuf";
import { commitIdBytes, concatBytes, encodePageSet, gidBytes } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { CommitBodySchema, TailIndexSchema } from "@graft/proto-gen/storage";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encodeCommitBody } from "./commit-body-encode.ts";
import type { CommitRecord } from "./commit-record.ts";
import { encodeFrameCodec } from "./segment/frame-index.ts";
import { encodeSegmentRef } from "./segment/segment-ref-body.ts";
import { randomCommitRecord } from "./testing/random-records.ts";

function generally(record: CommitRecord): Uint8Array {
  const { commitId, lowPageCount, parentHash, checkpoint, tailIndex, metadata } = record;
  const body = create(CommitBodySchema, {
    vid: gidBytes(record.volumeId),
    lsn: record.lsn,
    cid: gidBytes(record.clientId),
    ...(commitId === undefined ? {} : { commitId: commitIdBytes(commitId) }),
    timestampMs: BigInt(record.timestampMs),
    pageSize: record.pageSize,
    pageCount: record.pageCount,
    ...(lowPageCount === undefined ? {} : { lowPageCount }),
    ...(parentHash === undefined ? {} : { parentHash }),
    segments: record.segments.map(encodeSegmentRef),
    inlineFrames: record.inlineFrames.map((frame) => ({
      pageSet: encodePageSet(frame.pageSet),
      codec: encodeFrameCodec(frame.codec),
      hash: frame.hash,
      data: frame.data,
    })),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(metadata?.message ? { message: metadata.message } : {}),
    ...(metadata?.appTransactionId ? { appTransactionId: metadata.appTransactionId } : {}),
  });
  if (tailIndex !== undefined) {
    body.tailIndex = create(TailIndexSchema, {
      commits: tailIndex.commits.map(({ lsn, inlinePageSet, segments }) => ({
        lsn,
        ...(inlinePageSet === undefined ? {} : { inlinePageSet: encodePageSet(inlinePageSet) }),
        segments: segments.map(encodeSegmentRef),
      })),
      shrinks: [...tailIndex.shrinks],
    });
  }
  return toBinary(CommitBodySchema, body);
}

test("the pieces of a body are the bytes that a general encoder writes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.boolean(), (seed, isEmpty) => {
      const random = randomCommitRecord(new SeededRandom(seed));
      const record = isEmpty ? { ...random, timestampMs: 0, pageCount: 0 as never } : random;
      expect(concatBytes(encodeCommitBody(record))).toEqual(generally(record));
    }),
    { numRuns: 500 },
  );
});
