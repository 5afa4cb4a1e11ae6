/** Records of the object store: an envelope with a checksum around protobuf. */
import { type PageSize, toLsn, toPageCount, toPageIndex, toPageSize } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import {
  type CheckpointBlockContext,
  type CheckpointEntry,
  checkpointBlocksName,
  commitPageSet,
  decodeCheckpointBlock,
  decodeCheckpointRoot,
  decodeCommitRecord,
  decodeVolumeRecord,
  encodeCheckpointBlock,
  encodeCheckpointRoot,
  encodeCommitRecord,
  encodeVolumeRecord,
  entriesOfSegment,
  entriesPageSet,
  lowPageCountOf,
  peekRecord,
} from "@graft/format";
import { randomCommitRecord, reseal } from "@graft/format/testing";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt, mustBeSame } from "../oracle.ts";

const objectName = "volumes/fuzz";

/**
 * Fields that this version does not know are passed over, so the bytes need not come back; what
 * they say must.
 */
function recordTarget<Value>(parts: {
  readonly name: string;
  readonly count: number;
  readonly seeds: (random: SeededRandom) => Promise<readonly Uint8Array[]>;
  readonly decode: (bytes: Uint8Array) => Value;
  readonly encode: (value: Value) => Uint8Array;
  readonly check?: (value: Value) => void;
}): FuzzTarget {
  const { decode, encode, check } = parts;
  return {
    name: parts.name,
    count: parts.count,
    seeds: parts.seeds,
    reseal: (bytes) => reseal(bytes, compute),
    async run(bytes) {
      peekRecord(bytes);
      const value = await attempt(() => decode(bytes), ["corrupt"]);
      if (value === undefined) return false;
      check?.(value);
      mustBeSame(decode(encode(value)), value, "what was read, written and read again");
      return true;
    },
  };
}

export const volumeTarget: FuzzTarget = recordTarget({
  name: "volume-record",
  count: 6000,
  async seeds(random) {
    const one = randomCommitRecord(random).volumeId;
    const other = randomCommitRecord(random).volumeId;
    const pageSize = toPageSize(4096);
    const parent = { volumeId: other, lsn: toLsn(9n) };
    return [
      encodeVolumeRecord({ volumeId: one, pageSize, createdMs: 1_700_000_000_000 }, compute),
      encodeVolumeRecord({ volumeId: one, pageSize, createdMs: 0, parent }, compute),
    ];
  },
  decode: (bytes) => decodeVolumeRecord(bytes, compute, { objectName }),
  encode: (record) => encodeVolumeRecord(record, compute),
});

export const commitTarget: FuzzTarget = recordTarget({
  name: "commit-record",
  count: 16_000,
  async seeds(random) {
    const sizes = [512, 4096, 65_536, 512, 512, 512].map((size) => toPageSize(size));
    return Array.from({ length: 24 }, (_, at) => {
      const pageSize = sizes[at % sizes.length] as PageSize;
      return encodeCommitRecord(randomCommitRecord(random, { pageSize }), compute);
    });
  },
  decode: (bytes) => decodeCommitRecord(bytes, compute, { objectName }),
  encode: (record) => encodeCommitRecord(record, compute),
  check(record) {
    const pages = commitPageSet(record);
    if ((pages.last ?? 0) > record.pageCount) throw new Error("a page is above the page count");
    if (lowPageCountOf(record) > record.pageCount) throw new Error("the low page count is not low");
    for (const { lsn } of record.tailIndex?.commits ?? []) {
      if (lsn >= record.lsn) throw new Error("the tail index names the future");
    }
  },
});

/** A block of what a random commit holds in segments, and what its root says of it. */
interface RandomBlock {
  readonly context: CheckpointBlockContext;
  readonly entries: readonly CheckpointEntry[];
  readonly bytes: Uint8Array;
}

function randomBlock(random: SeededRandom): RandomBlock {
  for (;;) {
    const pageSize = toPageSize(random.pick([512, 4096, 65_536]));
    const record = randomCommitRecord(random, { pageSize, lsn: toLsn(90n) });
    const { volumeId, lsn } = record;
    const entries = record.segments
      .flatMap((ref) => entriesOfSegment(lsn, ref))
      .sort((a, b) => (a.pageSet.first ?? 0) - (b.pageSet.first ?? 0));
    const { first, last } = entriesPageSet(entries);
    if (first === undefined || last === undefined) continue;
    const firstPage = toPageIndex(first);
    const context = { volumeId, lsn, pageSize, firstPage, lastPage: toPageIndex(last) };
    return { context, entries, bytes: encodeCheckpointBlock(entries, context, compute) };
  }
}

const BLOCKS: readonly RandomBlock[] = Array.from({ length: 6 }, (_, at) =>
  randomBlock(new SeededRandom(at)),
);

export const checkpointBlockTarget: FuzzTarget = {
  name: "checkpoint-block",
  count: 7000,
  seeds: async () => BLOCKS.map(({ bytes }) => bytes),
  reseal: (bytes) => reseal(bytes, compute),
  async run(bytes) {
    let isAccepted = false;
    // The root says the right hash: what a hostile writer of both would do.
    const ref = { hash: compute.sha256(bytes) };
    for (const { context } of BLOCKS) {
      const decode = (stored: Uint8Array) =>
        decodeCheckpointBlock(
          stored,
          { hash: compute.sha256(stored) },
          { ...context, objectName },
          compute,
        );
      const entries = await attempt(() => decode(bytes), ["corrupt"]);
      if (entries === undefined) continue;
      isAccepted = true;
      const again = encodeCheckpointBlock(entries, context, compute);
      mustBeSame(decode(again), entries, "what was read, written and read again");
      const wrong = { hash: ref.hash.map((byte) => byte ^ 1) };
      const foreign = await attempt(
        () => decodeCheckpointBlock(bytes, wrong, { ...context, objectName }, compute),
        ["corrupt"],
      );
      if (foreign !== undefined) throw new Error("a block that the root does not name was read");
    }
    return isAccepted;
  },
};

export const checkpointRootTarget: FuzzTarget = recordTarget({
  name: "checkpoint-root",
  count: 7000,
  async seeds(random) {
    return BLOCKS.map(({ context, entries, bytes }) => {
      const { volumeId, lsn, pageSize, firstPage, lastPage } = context;
      const object = checkpointBlocksName(toLsn(BigInt(random.integer(1, 90))), new Uint8Array(8));
      const hash = compute.sha256(bytes);
      const block = { firstPage, lastPage, object, offset: 0, size: bytes.length, hash };
      const ids = [...new Set(entries.map(({ segmentId }) => segmentId))].sort();
      const root = {
        volumeId,
        lsn,
        recordHash: hash,
        pageSize,
        pageCount: toPageCount(lastPage),
        blocks: [block],
        shrinks: [3, 4, 9].map((at) => ({ lsn: toLsn(BigInt(at)), lowPageCount: toPageCount(at) })),
        segments: ids.map((segmentId) => ({ segmentId, size: 9000 })),
      };
      return encodeCheckpointRoot(root, compute);
    });
  },
  decode: (bytes) => decodeCheckpointRoot(bytes, compute, { objectName }),
  encode: (root) => encodeCheckpointRoot(root, compute),
});
