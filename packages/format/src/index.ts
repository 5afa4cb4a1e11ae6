// The key space.

// Many commits as one.
export { type ChangedPages, type ChangeRecord, changedPages } from "./changed-pages.ts";
// Checkpoints.
export {
  type CheckpointBlockContext,
  type CheckpointEntry,
  decodeCheckpointBlock,
  encodeCheckpointBlock,
} from "./checkpoint/checkpoint-block.ts";
export {
  type BuiltCheckpoint,
  buildCheckpoint,
  buildCheckpointInSteps,
  type CheckpointParts,
} from "./checkpoint/checkpoint-builder.ts";
export {
  entriesOfSegment,
  entriesPageSet,
  entryWithin,
  entryWithout,
} from "./checkpoint/checkpoint-entries.ts";
export {
  type CheckpointPlan,
  type CheckpointRun,
  type MapChange,
  planCheckpoint,
} from "./checkpoint/checkpoint-plan.ts";
export {
  blocksChangedSince,
  blocksFor,
  changedSince,
  type MapRecord,
} from "./checkpoint/checkpoint-reader.ts";
export {
  type CheckpointBlockRef,
  type CheckpointRoot,
  type CheckpointSegment,
  decodeCheckpointRoot,
  encodeCheckpointRoot,
} from "./checkpoint/checkpoint-root.ts";
// Commits.
export {
  type CheckpointRef,
  type CommitMetadata,
  type CommitPages,
  type CommitRecord,
  commitPageSet,
  commitRecordHash,
  encodeCommitRecord,
  type InlineFrame,
  lowPageCountOf,
  RECORD_HASH_SIZE,
  snapshotOf,
} from "./commit-record.ts";
export { decodeCommitRecord } from "./commit-record-decode.ts";
export { COMMIT_FRAME_COUNT_MAX, commitRecordFault } from "./commit-record-fault.ts";
// The envelope of every record, and the error of every decoder.
export { corrupt } from "./corrupt.ts";
export { type CommitFold, type FoldedCommit, foldCommits } from "./fold-commits.ts";
// Volumes.
export { decodeHeadHint, encodeHeadHint, HEAD_HINT_SIZE } from "./head-hint.ts";
export {
  type NextRecord,
  nextTailIndex,
  type TailFields,
  type TailRecord,
  tailIndexSize,
} from "./next-tail-index.ts";
export {
  CHECKPOINT_NONCE_SIZE,
  checkpointBlocksKey,
  checkpointBlocksName,
  checkpointRootKey,
  headKey,
  isCheckpointBlocksName,
  logKey,
  type ObjectKey,
  objectKindOf,
  parseObjectKey,
  segmentKey,
  volumeKey,
  volumePrefix,
} from "./object-keys.ts";
// Many pages on their way to a reader.
export { PACKED_PAGES_SIZE_MAX, packPages, unpackPages } from "./packed-pages/packed-pages.ts";
export { peekRecord, RECORD_KINDS, type RecordKind } from "./record.ts";
// Frames.
export {
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameContext,
  frameFault,
  frameHash,
} from "./segment/frame.ts";
// Segments.
export {
  type BuiltSegment,
  buildSegment,
  encodeFrames,
  SegmentBuilder,
  type SegmentBuilderOptions,
  splitIntoFrames,
} from "./segment/segment-builder.ts";
export { type SegmentFooter, segmentRefOf } from "./segment/segment-footer.ts";
export {
  framePageCountMax,
  SEGMENT_PAGES_SIZE_MAX,
  SEGMENT_SIZE_MIN,
  SEGMENT_TAIL_SIZE,
} from "./segment/segment-layout.ts";
export {
  frameOf,
  frameRange,
  framesFor,
  readSegmentTail,
  readWholeSegment,
  type SegmentObject,
  type SegmentTail,
  segmentTailRange,
} from "./segment/segment-reader.ts";
export {
  FRAME_HASH_SIZE,
  type FrameCodec,
  type FrameEntry,
  framePageSet,
  type SegmentRef,
  segmentOwner,
} from "./segment/segment-ref.ts";
export { frameIndexSize, segmentRefFault } from "./segment/segment-ref-body.ts";
export { type SegmentPages, takePages } from "./segment/take-pages.ts";
export { addToShrinkList, lowestCountSince, type Shrink } from "./shrink-list.ts";
export type { TailCommit, TailIndex } from "./tail-index.ts";
export {
  decodeVolumeRecord,
  encodeVolumeRecord,
  type VolumeParent,
  type VolumeRecord,
} from "./volume-record.ts";
