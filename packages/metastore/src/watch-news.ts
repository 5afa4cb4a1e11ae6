import { type CatalogCommit, hasFrameData } from "@graft/catalog";
import { type CommitId, difference, INLINE_PAGES_SIZE_MAX, invariant, type Lsn } from "@graft/core";
import { commitPageSet, type Frame, foldCommits, snapshotOf } from "@graft/format";
import { present, type WatchNews } from "@graft/rpc";
import { ChangeFold } from "./change-fold.ts";

/**
 * A range of commits, folded into one event. Pure.
 *
 * @param commits ascending from the one after `fromLsn`, at least one
 * @param options.omitPages leave inline pages out
 */
export function foldNews(
  fromLsn: Lsn | undefined,
  commits: readonly CatalogCommit[],
  options: { readonly omitPages: boolean },
): WatchNews {
  const newest = commits.at(-1);
  invariant(newest !== undefined, "news are of at least one commit");
  const fold = new ChangeFold();
  for (const { record } of commits) fold.add(record);
  return present({
    kind: "news" as const,
    fromLsn,
    snapshot: snapshotOf(newest.record),
    pageSet: fold.finish(),
    commitIds: commits.flatMap(({ record }): CommitId[] =>
      record.commitId === undefined ? [] : [record.commitId],
    ),
    inlineFrames: options.omitPages ? [] : framesOf(commits),
  });
}

/**
 * The frames that carry all pages of the range; none when that takes a segment, a frame that is no
 * longer at hand, one that a later commit wrote in part, or more than 128 KiB.
 */
function framesOf(commits: readonly CatalogCommit[]): readonly Frame[] {
  const records = commits.map(({ record }) => record);
  if (records.some((record) => record.segments.length > 0)) return [];
  const fold = foldCommits(
    records.map((record) => ({ ...record, pageSet: commitPageSet(record) })),
  );
  const frames: Frame[] = [];
  let size = 0;
  for (const [at, record] of records.entries()) {
    const taken = fold.taken[at];
    invariant(taken !== undefined, "a fold takes from each commit");
    for (const frame of record.inlineFrames) {
      const lost = difference(frame.pageSet, taken).cardinality;
      if (lost === frame.pageSet.cardinality) continue;
      if (lost > 0 || !hasFrameData(frame)) return [];
      frames.push(frame);
      size += frame.pageSet.cardinality * record.pageSize;
    }
  }
  return size <= INLINE_PAGES_SIZE_MAX ? frames : [];
}
