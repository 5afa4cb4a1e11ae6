/**
 * How each format of `tests/fixtures/formats` is read and written. The value is what the `.json`
 * describes.
 */
import { decodePageSet, encodePageSet, type Lsn, type PageSet, type VolumeId } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import {
  type CheckpointBlockContext,
  type CheckpointEntry,
  type CheckpointRoot,
  type CommitRecord,
  decodeCheckpointBlock,
  decodeCheckpointRoot,
  decodeCommitRecord,
  decodeHeadHint,
  decodeVolumeRecord,
  encodeCheckpointBlock,
  encodeCheckpointRoot,
  encodeCommitRecord,
  encodeHeadHint,
  encodeVolumeRecord,
  type Frame,
  frameOf,
  readWholeSegment,
  SegmentBuilder,
  type SegmentBuilderOptions,
  segmentRefOf,
  type VolumeRecord,
} from "@graft/format";

/** One format. */
export interface GoldenFormat<Value> {
  encode(value: Value): Uint8Array;
  /** `value` says what the bytes are expected to be of, where a decoder asks. */
  decode(bytes: Uint8Array, value: Value): Promise<Value>;
}

const objectName = "golden";

/** A segment: what it says of itself, and its frames as stored. */
interface GoldenSegment {
  readonly options: SegmentBuilderOptions;
  readonly frames: readonly Frame[];
}

const segment: GoldenFormat<GoldenSegment> = {
  encode({ options, frames }) {
    const builder = new SegmentBuilder(options);
    for (const frame of frames) builder.add(frame);
    return builder.finish(compute).bytes;
  },
  async decode(bytes) {
    const footer = await readWholeSegment(bytes, objectName, compute);
    const { volumeId, segmentId, pageSize } = footer;
    const frames = footer.frames.map((entry) => {
      const data = bytes.slice(entry.offset, entry.offset + entry.size);
      return frameOf(segmentRefOf(footer), entry, data, objectName);
    });
    return { options: { volumeId, segmentId, pageSize }, frames };
  },
};

/** A block, and what its root says of it. */
interface GoldenBlock {
  readonly context: CheckpointBlockContext;
  readonly entries: readonly CheckpointEntry[];
}

const checkpointBlock: GoldenFormat<GoldenBlock> = {
  encode: ({ entries, context }) => encodeCheckpointBlock(entries, context, compute),
  async decode(bytes, { context }) {
    const ref = { hash: compute.sha256(bytes) };
    const entries = decodeCheckpointBlock(bytes, ref, { ...context, objectName }, compute);
    return { context, entries };
  },
};

const volume: GoldenFormat<VolumeRecord> = {
  encode: (record) => encodeVolumeRecord(record, compute),
  decode: async (bytes) => decodeVolumeRecord(bytes, compute, { objectName }),
};

const commit: GoldenFormat<CommitRecord> = {
  encode: (record) => encodeCommitRecord(record, compute),
  async decode(bytes, { volumeId, lsn }: { volumeId: VolumeId; lsn: Lsn }) {
    return decodeCommitRecord(bytes, compute, { objectName, volumeId, lsn });
  },
};

const checkpointRoot: GoldenFormat<CheckpointRoot> = {
  encode: (root) => encodeCheckpointRoot(root, compute),
  decode: async (bytes) => decodeCheckpointRoot(bytes, compute, { objectName }),
};

const pageSet: GoldenFormat<PageSet> = {
  encode: encodePageSet,
  decode: async (bytes) => decodePageSet(bytes, "corrupt"),
};

const head: GoldenFormat<Lsn | undefined> = {
  encode: (lsn) => (lsn === undefined ? new Uint8Array() : encodeHeadHint(lsn)),
  decode: async (bytes) => decodeHeadHint(bytes),
};

/** By the word that a fixture's name begins with. */
export const GOLDEN_FORMATS: ReadonlyMap<string, GoldenFormat<unknown>> = new Map<
  string,
  GoldenFormat<unknown>
>([
  ["volume", volume],
  ["commit", commit],
  ["segment", segment],
  ["root", checkpointRoot],
  ["block", checkpointBlock],
  ["page", pageSet],
  ["head", head],
]);
