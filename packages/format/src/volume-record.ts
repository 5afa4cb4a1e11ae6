/**
 * The volume record, `volumes/<vid>/volume`: what a volume is, made once with a create-only PUT.
 * `docs/formats/volume.md` has its fields. Valid when the parent, if there is one, is another
 * volume.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Compute,
  GraftError,
  gidBytes,
  type Lsn,
  type PageSize,
  type VolumeId,
} from "@graft/core";
import { VolumeBodySchema } from "@graft/proto-gen/storage";
import { BodyFields, TIMESTAMP_MS_MAX } from "./body-fields.ts";
import { decodeBody } from "./body-message.ts";
import type { MessageLimits } from "./body-scan.ts";
import { corrupt } from "./corrupt.ts";
import { decodeRecord, encodeRecord } from "./record.ts";

/** What a volume is. */
export interface VolumeRecord {
  readonly volumeId: VolumeId;
  /** Fixed for ever. */
  readonly pageSize: PageSize;
  /** By the clock of the node that made it, ms since 1970. */
  readonly createdMs: number;
  /** A fork's origin: it reads its parent's objects up to this LSN. Absent: no fork. */
  readonly parent?: VolumeParent;
}

/** Where a fork left its parent. */
export interface VolumeParent {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
}

// The least parent: an id (18) and an LSN (2).
const VOLUME_LIMITS: MessageLimits = new Map([[4, { name: "parent", countMax: 1, sizeMin: 20 }]]);

/** The bytes to store. @throws GraftError `invalid-argument` when the record is not valid */
export function encodeVolumeRecord(record: VolumeRecord, compute: Compute): Uint8Array {
  const fault = volumeRecordFault(record);
  if (fault !== undefined) {
    throw new GraftError("invalid-argument", `invalid volume ${record.volumeId}: ${fault}`);
  }
  const { parent } = record;
  const body = create(VolumeBodySchema, {
    vid: gidBytes(record.volumeId),
    pageSize: record.pageSize,
    createdMs: BigInt(record.createdMs),
    ...(parent === undefined
      ? {}
      : { parent: { vid: gidBytes(parent.volumeId), lsn: parent.lsn } }),
  });
  return encodeRecord("volume", toBinary(VolumeBodySchema, body), compute);
}

/**
 * @param options.objectName which object it is, for errors: its key
 * @param options.volumeId when given, the record must be of this volume
 * @throws GraftError `corrupt`, naming the object and the failed condition
 */
export function decodeVolumeRecord(
  bytes: Uint8Array,
  compute: Compute,
  options: { readonly objectName: string; readonly volumeId?: VolumeId },
): VolumeRecord {
  const { objectName } = options;
  const fields = new BodyFields(objectName);
  const stored = decodeRecord("volume", bytes, objectName, compute);
  const body = decodeBody(VolumeBodySchema, stored, VOLUME_LIMITS, objectName);
  const { parent } = body;
  const record: VolumeRecord = {
    volumeId: fields.volumeId(body.vid),
    pageSize: fields.pageSize(body.pageSize),
    createdMs: fields.timestampMs(body.createdMs, "creation time"),
    ...(parent === undefined
      ? {}
      : { parent: { volumeId: fields.volumeId(parent.vid), lsn: fields.lsn(parent.lsn) } }),
  };
  if (options.volumeId !== undefined && record.volumeId !== options.volumeId) {
    throw corrupt(objectName, `expected volume ${options.volumeId}, got ${record.volumeId}`);
  }
  const fault = volumeRecordFault(record);
  if (fault !== undefined) throw corrupt(objectName, fault);
  return record;
}

function volumeRecordFault(record: VolumeRecord): string | undefined {
  const { createdMs, parent, volumeId } = record;
  if (!Number.isInteger(createdMs) || createdMs < 0 || createdMs > TIMESTAMP_MS_MAX) {
    return `creation time: expected 0 … ${TIMESTAMP_MS_MAX} ms, got ${createdMs}`;
  }
  return parent?.volumeId === volumeId ? "it is its own parent" : undefined;
}
