/** From bytes of any of our formats to what they say: finds out which format it is. */
import { type Compute, type FileSystem, GraftError } from "@graft/core";
import { corrupt, decodeHeadHint, decodeVolumeRecord, type RecordKind } from "@graft/format";
import type { ByteSource } from "./byte-source.ts";
import { describeCheckpointBlocks, describeCheckpointRoot } from "./describe-checkpoint.ts";
import { describeCommit } from "./describe-commit.ts";
import { describeSegment } from "./describe-segment.ts";
import type { Inspection } from "./facts.ts";
import { inspectFrame, inspectPageOf } from "./inspect-part.ts";
import {
  describeIndexFile,
  describeLogFile,
  describeSyncedMark,
} from "./local/describe-store-file.ts";
import { objectKeyOf } from "./object-name.ts";
import { decodeDatabaseHeader } from "./page/database-header.ts";
import { describePage } from "./page/describe-page.ts";
import { type Format, formatOf, readObject } from "./source-format.ts";

const FRONT_SIZE = 100;

/** What is asked of the bytes. */
export interface InspectRequest {
  readonly compute: Compute;
  /** Only this page. */
  readonly page?: number | undefined;
  /** Only this frame of a segment or a commit, from 0. */
  readonly frame?: number | undefined;
}

/** @throws GraftError `corrupt`, `invalid-argument`: nothing of ours, or no such page or frame */
export async function inspectSource(
  source: ByteSource,
  request: InspectRequest,
  fileSystem?: FileSystem,
): Promise<Inspection> {
  const format = await formatOf(source);
  if (format === undefined) {
    throw new GraftError(
      "invalid-argument",
      `"${source.name}" is nothing of ours: expected a record, a segment, a head hint, a file of a ` +
        "local store, a database or a page; it may be damaged at its front",
    );
  }
  if (request.page !== undefined)
    return inspectPageOf(source, format, request.page, request.compute);
  if (request.frame !== undefined)
    return inspectFrame(source, format, request.frame, request.compute);
  return inspectWhole(source, format, request.compute, fileSystem);
}

async function inspectWhole(
  source: ByteSource,
  format: Format,
  compute: Compute,
  fileSystem: FileSystem | undefined,
): Promise<Inspection> {
  switch (format) {
    case "database": {
      const bytes = await source.read(0, FRONT_SIZE);
      const { facts } = decodeDatabaseHeader(bytes);
      return { kind: "database", facts: { size: source.size, ...facts }, bytes };
    }
    case "lock": {
      const says = "nothing that is kept: processes hold each other off with it";
      return { kind: "lock", facts: { size: source.size, says } };
    }
    case "page":
      return describePage(await source.read(0, source.size), 2);
    case "store-index":
    case "store-log":
    case "store-synced":
      return inspectStoreFile(source, format, fileSystem);
    default:
      return inspectObject(source.name, format, await readObject(source), compute);
  }
}

async function inspectObject(
  name: string,
  format: RecordKind | "segment" | "head",
  bytes: Uint8Array,
  compute: Compute,
): Promise<Inspection> {
  switch (format) {
    case "volume": {
      const record = decodeVolumeRecord(bytes, compute, { objectName: name });
      const { volumeId: volume, pageSize, createdMs, parent } = record;
      const created = new Date(createdMs).toISOString();
      const origin =
        parent === undefined ? undefined : { volume: parent.volumeId, lsn: parent.lsn };
      return { kind: "volume", facts: { volume, pageSize, created, parent: origin }, bytes };
    }
    case "commit":
      return describeCommit(bytes, name, compute);
    case "segment":
      return describeSegment(bytes, name, compute);
    case "checkpoint-root":
      return describeCheckpointRoot(bytes, name, compute);
    case "checkpoint-block":
      return describeCheckpointBlocks(bytes, name, compute, objectKeyOf(name)?.volumeId);
    case "head": {
      const lsn = decodeHeadHint(bytes);
      const facts = lsn === undefined ? { says: "nothing: it is no LSN, which is legal" } : { lsn };
      return { kind: "head hint", facts, bytes };
    }
    case "segment-footer":
      throw corrupt(name, "it is the footer of a segment without the segment");
  }
}

function inspectStoreFile(
  source: ByteSource,
  format: "store-index" | "store-log" | "store-synced",
  fileSystem: FileSystem | undefined,
): Inspection {
  if (fileSystem === undefined) {
    throw new GraftError(
      "invalid-argument",
      `"${source.name}" is a file of a local store: name its path`,
    );
  }
  const file = fileSystem.open(source.name, "read");
  try {
    if (format === "store-index") return describeIndexFile(file, source.name);
    if (format === "store-log") return describeLogFile(file, source.name);
    return describeSyncedMark(file);
  } finally {
    file.close();
  }
}
