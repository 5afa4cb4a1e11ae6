import { create } from "@bufbuild/protobuf";
import { encodePageSet, gidBytes } from "@graft/core";
import {
  arbitraryClientId,
  arbitraryPageSet,
  arbitrarySegmentId,
  arbitraryVolumeId,
} from "@graft/core/testing";
import { type CommitRequest, CommitRequestSchema } from "@graft/proto-gen/metastore";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { toRawCommitRequest } from "./raw-requests.ts";

const commits: fc.Arbitrary<CommitRequest> = fc
  .tuple(arbitraryVolumeId(), arbitraryClientId(), arbitrarySegmentId(), arbitraryPageSet())
  .map(([volumeId, clientId, segmentId, pageSet]) =>
    create(CommitRequestSchema, {
      vid: gidBytes(volumeId),
      cid: gidBytes(clientId),
      pageCount: 1,
      segments: [{ sid: gidBytes(segmentId), graft: encodePageSet(pageSet) }],
    }),
  );

/** Counts how often the page set of the first segment is looked at. */
function watchPageSet(commit: CommitRequest): () => number {
  let count = 0;
  const [segment] = commit.segments;
  const bytes = segment?.graft;
  Object.defineProperty(segment, "graft", {
    get() {
      count++;
      return bytes;
    },
  });
  return () => count;
}

test("a commit's page sets are read once", () => {
  fc.assert(
    fc.property(commits, (commit) => {
      const countReads = watchPageSet(commit);
      expect(toRawCommitRequest(commit).segments).toHaveLength(1);
      expect(countReads()).toBe(1);
    }),
  );
});

test("of all that is wrong with a commit, v0.1's words name what v0.1 looked at first", () => {
  const none = new Uint8Array(0);
  fc.assert(
    fc.property(commits, (commit) => {
      const wrong = { ...commit, segments: [{ ...commit.segments[0], sid: none, graft: none }] };
      const say = (changes: object) => () =>
        toRawCommitRequest({ ...commit, ...wrong, ...changes } as CommitRequest);
      expect(say({ snapshotLsn: 0n, vid: none })).toThrow("failed to parse id");
      expect(say({ snapshotLsn: 0n })).toThrow("invalid LSN");
      expect(say({})).toThrow("failed to parse id");
      const segments = [{ ...commit.segments[0], graft: none }];
      expect(say({ segments })).toThrow("failed to parse graft");
      // What v0.1 did not know is said in our words.
      expect(say({ segments: commit.segments, pageSize: 7 })).toThrow("page size");
    }),
  );
});
