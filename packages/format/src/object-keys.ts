/**
 * Where each object of a volume lies: the whole key space, in both directions.
 *
 * | key                                            | object                                            |
 * |------------------------------------------------|---------------------------------------------------|
 * | `volumes/<vid>/volume`                         | volume record                                     |
 * | `volumes/<vid>/log/<lsn>`                      | commit record                                     |
 * | `volumes/<vid>/segments/<sid>`                 | segment                                           |
 * | `volumes/<vid>/checkpoints/<lsn>`              | checkpoint root                                   |
 * | `volumes/<vid>/checkpoints/<lsn>-<random>`     | checkpoint blocks                                 |
 * | `volumes/<vid>/head`                           | head hint                                         |
 *
 * `<vid>` and `<sid>` are the canonical text of the ids, `<lsn>` is 16 lower-case hex digits,
 * `<random>` 16 more. Order: byte order of the keys under one `log/` or `checkpoints/` is LSN
 * order, and under `segments/` the order in which the ids were made.
 */
import {
  encodeHex,
  formatLsnHex,
  GraftError,
  type Lsn,
  parseLsnHex,
  parseSegmentId,
  parseVolumeId,
  type SegmentId,
  type VolumeId,
} from "@graft/core";

/** Random bytes in the name of an object with checkpoint blocks. */
export const CHECKPOINT_NONCE_SIZE = 8;

/** What a key names. */
export type ObjectKey =
  | { readonly kind: "volume"; readonly volumeId: VolumeId }
  | { readonly kind: "commit"; readonly volumeId: VolumeId; readonly lsn: Lsn }
  | { readonly kind: "segment"; readonly volumeId: VolumeId; readonly segmentId: SegmentId }
  | { readonly kind: "checkpoint-root"; readonly volumeId: VolumeId; readonly lsn: Lsn }
  | { readonly kind: "checkpoint-blocks"; readonly volumeId: VolumeId; readonly name: string }
  | { readonly kind: "head"; readonly volumeId: VolumeId };

/** What every key of the volume starts with, and no key of another volume does. */
export function volumePrefix(volumeId: VolumeId): string {
  return `volumes/${volumeId}/`;
}

/** The volume record. */
export function volumeKey(volumeId: VolumeId): string {
  return `${volumePrefix(volumeId)}volume`;
}

/** The commit record at an LSN. */
export function logKey(volumeId: VolumeId, lsn: Lsn): string {
  return `${volumePrefix(volumeId)}log/${formatLsnHex(lsn)}`;
}

/** A segment. `volumeId` is its owner: the volume it was written under. */
export function segmentKey(volumeId: VolumeId, segmentId: SegmentId): string {
  return `${volumePrefix(volumeId)}segments/${segmentId}`;
}

/** The root of the checkpoint at an LSN. */
export function checkpointRootKey(volumeId: VolumeId, lsn: Lsn): string {
  return `${volumePrefix(volumeId)}checkpoints/${formatLsnHex(lsn)}`;
}

/** An object with checkpoint blocks, by the name that a root gives it. */
export function checkpointBlocksKey(volumeId: VolumeId, name: string): string {
  return `${volumePrefix(volumeId)}checkpoints/${name}`;
}

/** A name for an object with the blocks of a checkpoint at `lsn`. `nonce` is 8 random bytes. */
export function checkpointBlocksName(lsn: Lsn, nonce: Uint8Array): string {
  if (nonce.length !== CHECKPOINT_NONCE_SIZE) {
    const expected = `expected ${CHECKPOINT_NONCE_SIZE} bytes, got ${nonce.length}`;
    throw new GraftError("invalid-argument", `invalid nonce of checkpoint blocks: ${expected}`);
  }
  return `${formatLsnHex(lsn)}-${encodeHex(nonce)}`;
}

/** Whether `checkpointBlocksName` can have made this name. */
export function isCheckpointBlocksName(name: string): boolean {
  return /^[0-9a-f]{16}-[0-9a-f]{16}$/.test(name) && !name.startsWith("0000000000000000");
}

/** The hint at the newest LSN. */
export function headKey(volumeId: VolumeId): string {
  return `${volumePrefix(volumeId)}head`;
}

/**
 * Reads what the builders above wrote; undefined for every other text, which no object of ours
 * has.
 */
export function parseObjectKey(key: string): ObjectKey | undefined {
  const [root, vid, folder, name, ...rest] = key.split("/");
  if (root !== "volumes" || vid === undefined || folder === undefined) return undefined;
  const volumeId = parsed(parseVolumeId, vid);
  if (volumeId === undefined || rest.length > 0) return undefined;
  if (name === undefined) {
    return folder === "volume" || folder === "head" ? { kind: folder, volumeId } : undefined;
  }
  switch (folder) {
    case "log": {
      const lsn = parsed(parseLsnHex, name);
      return lsn === undefined ? undefined : { kind: "commit", volumeId, lsn };
    }
    case "segments": {
      const segmentId = parsed(parseSegmentId, name);
      return segmentId === undefined ? undefined : { kind: "segment", volumeId, segmentId };
    }
    case "checkpoints":
      return parseCheckpointName(volumeId, name);
    default:
      return undefined;
  }
}

/** The kind of object that a key names, "other" for what is none of ours: a label of metrics. */
export function objectKindOf(key: string): ObjectKey["kind"] | "other" {
  return parseObjectKey(key)?.kind ?? "other";
}

function parseCheckpointName(volumeId: VolumeId, name: string): ObjectKey | undefined {
  if (isCheckpointBlocksName(name)) return { kind: "checkpoint-blocks", volumeId, name };
  const lsn = parsed(parseLsnHex, name);
  return lsn === undefined ? undefined : { kind: "checkpoint-root", volumeId, lsn };
}

function parsed<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof GraftError) return undefined;
    throw error;
  }
}
