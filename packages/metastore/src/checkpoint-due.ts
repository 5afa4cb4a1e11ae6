/** When a checkpoint is to be written. Pure. */
import type { CatalogRecord } from "@graft/catalog";
import type { CheckpointRef } from "@graft/format";
import { commitPageSet, tailIndexSize } from "@graft/format";

/** Commits since the checkpoint. */
export const DUE_COMMIT_COUNT = 64n;
/** Bytes of log since the checkpoint. */
export const DUE_LOG_SIZE: number = 16 * 1024 * 1024;
/** Bytes of the tail index that the next record would carry. */
export const DUE_TAIL_SIZE: number = 64 * 1024;
/** At this many times a limit the next commit waits for the checkpoint. */
export const OVERDUE_FACTOR = 4;

/** What is known of a volume's newest commit. */
export interface CheckpointNeed {
  readonly record: CatalogRecord;
  /** Its stored bytes. */
  readonly storedSize: number;
  /** The newest checkpoint, named by the record or not. */
  readonly checkpoint: CheckpointRef | undefined;
  /** Of the log since that checkpoint, as far as this node has seen it, bytes. */
  readonly logSize: number;
}

/** `overdue`: no commit before the checkpoint is there. */
export function checkpointUrgency(need: CheckpointNeed): "none" | "due" | "overdue" {
  const { record, checkpoint, logSize } = need;
  const commitCount = record.lsn - (checkpoint?.lsn ?? 0n);
  if (commitCount === 0n) return "none";
  const most = Math.max(
    Number(commitCount) / Number(DUE_COMMIT_COUNT),
    logSize / DUE_LOG_SIZE,
    nextTailSize(need) / DUE_TAIL_SIZE,
  );
  if (most >= OVERDUE_FACTOR) return "overdue";
  return most >= 1 ? "due" : "none";
}

/**
 * What a record takes at most when its tail index cannot be near a limit: the estimate counts 40
 * bytes for what takes 13 at least.
 */
const SMALL_RECORD_SIZE: number = DUE_TAIL_SIZE / 4;

/** At most: what a newer checkpoint than the record's takes off is counted exactly. */
function nextTailSize({ record, storedSize, checkpoint }: CheckpointNeed): number {
  if (storedSize < SMALL_RECORD_SIZE) return 0;
  const { lsn, segments, inlineFrames, tailIndex } = record;
  const inlinePageSet = commitPageSet({ segments: [], inlineFrames });
  const own = { lsn, segments, ...(inlinePageSet.isEmpty ? {} : { inlinePageSet }) };
  const tail = tailIndex?.commits ?? [];
  const since = tail.filter((commit) => commit.lsn > (checkpoint?.lsn ?? 0n));
  return tailIndexSize({ commits: [own, ...since], shrinks: tailIndex?.shrinks ?? [] });
}
