/** What lies under the prefix of a volume, from one LIST. */
import { type Lsn, MutablePageSet, type PageSet, type SegmentId, type VolumeId } from "@graft/core";
import { parseObjectKey, volumePrefix } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";

/** LSNs up to here are kept as a compressed set. */
const LSN_SET_MAX = 0xffff_ffffn;

/** The objects of a volume, by what their keys say. */
export interface VolumeListing {
  readonly hasVolumeRecord: boolean;
  readonly hasHead: boolean;
  /** LSNs with a commit record. */
  readonly lsns: PageSet;
  /** LSNs above 2^32−1: more than any log of ours has. */
  readonly farLsns: readonly Lsn[];
  /** Bytes by segment. */
  readonly segments: ReadonlyMap<SegmentId, number>;
  /** LSNs with a checkpoint root, ascending. */
  readonly roots: readonly Lsn[];
  /** Bytes by name of an object with checkpoint blocks. */
  readonly blocks: ReadonlyMap<string, number>;
  /** Keys that no object of ours has. */
  readonly strange: readonly string[];
  /** Bytes of all objects. */
  readonly size: number;
}

/** Lists a volume. Memory grows with its segments and checkpoints, not with its log. */
export async function listVolume(
  store: ObjectStore,
  volumeId: VolumeId,
  signal: AbortSignal,
): Promise<VolumeListing> {
  const lsns = new MutablePageSet();
  const farLsns: Lsn[] = [];
  const segments = new Map<SegmentId, number>();
  const roots: Lsn[] = [];
  const blocks = new Map<string, number>();
  const strange: string[] = [];
  let [hasVolumeRecord, hasHead, total] = [false, false, 0];
  for await (const { key, size } of store.list(volumePrefix(volumeId), { signal })) {
    total += size;
    const object = parseObjectKey(key);
    if (object === undefined) strange.push(key);
    else if (object.kind === "volume") hasVolumeRecord = true;
    else if (object.kind === "head") hasHead = true;
    else if (object.kind === "segment") segments.set(object.segmentId, size);
    else if (object.kind === "checkpoint-root") roots.push(object.lsn);
    else if (object.kind === "checkpoint-blocks") blocks.set(object.name, size);
    else if (object.lsn <= LSN_SET_MAX) lsns.insert(Number(object.lsn));
    else farLsns.push(object.lsn);
  }
  roots.sort((a, b) => (a < b ? -1 : 1));
  const found = { hasVolumeRecord, hasHead, lsns, farLsns, segments, roots, blocks, strange };
  return { ...found, size: total };
}

/** Every volume of a store that has an object, in the order of their making. */
export async function listVolumes(
  store: ObjectStore,
  signal: AbortSignal,
): Promise<readonly VolumeId[]> {
  const volumes = new Set<VolumeId>();
  for await (const { key } of store.list("volumes/", { signal })) {
    const object = parseObjectKey(key);
    if (object !== undefined) volumes.add(object.volumeId);
  }
  return [...volumes].sort();
}
