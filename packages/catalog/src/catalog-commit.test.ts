import { toLsn } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { encodeCommitRecord } from "@graft/format";
import { randomCommitRecord } from "@graft/format/testing";
import { expect, test } from "vitest";
import { decodeCatalogCommit, hasFrameData, withoutInlineData } from "./catalog-commit.ts";

const record = randomCommitRecord(new SeededRandom(3), { lsn: toLsn(1n) });
const bytes = encodeCommitRecord(record, compute);

test("a commit for the catalog is what its stored bytes say, with their hash", () => {
  const commit = decodeCatalogCommit(bytes, record, compute);
  expect(commit.record).toEqual(record);
  expect(commit.hash).toEqual(compute.sha256(bytes));
  expect(commit.storedSize).toBe(bytes.length);
  expect(commit.record.inlineFrames.every(hasFrameData)).toBe(true);
  expect(withoutInlineData(commit).record.inlineFrames.some(hasFrameData)).toBe(false);
});

test("bytes found under another LSN than their own are corrupt, named by their key", () => {
  const place = { volumeId: record.volumeId, lsn: toLsn(2n) };
  expect(() => decodeCatalogCommit(bytes, place, compute)).toThrow(
    `volumes/${record.volumeId}/log/0000000000000002 is corrupt: expected LSN 2, got 1`,
  );
});
