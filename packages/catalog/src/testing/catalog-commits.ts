import { type Lsn, nextLsn, randomBytes, toLsn, toPageSize, type VolumeId } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import { randomCommitRecord } from "@graft/format/testing";
import type { CatalogCommit } from "../volume-catalog.ts";

/**
 * A valid chain of commits of one volume, LSN 1 first. Hashes are noise, and name each other as
 * they must.
 */
export function catalogCommits(
  random: SeededRandom,
  count: number,
  volumeId?: VolumeId,
): readonly CatalogCommit[] {
  const commits: CatalogCommit[] = [];
  let lsn: Lsn = toLsn(1n);
  while (commits.length < count) {
    const parent = commits.at(-1);
    const vid = volumeId ?? parent?.record.volumeId;
    const record = randomCommitRecord(random, {
      ...(vid === undefined ? {} : { volumeId: vid }),
      lsn,
      pageSize: toPageSize(512),
      ...(parent === undefined ? {} : { parentHash: parent.hash }),
    });
    commits.push({ record, hash: randomBytes(random, 32), storedSize: random.integer(500, 5000) });
    lsn = nextLsn(lsn);
  }
  return commits;
}
