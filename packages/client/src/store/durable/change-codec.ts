/** Bodies of log records, both directions (docs/formats/local-store.md, "Log"). */
import {
  ByteReader,
  BytesError,
  ByteWriter,
  COMMIT_ID_SIZE,
  commitIdBytes,
  toCommitId,
  toPageIndex,
  unreachable,
} from "@graft/core";
import { ZEROS } from "../history/page-chains.ts";
import {
  readFlag,
  readPageSet,
  readRemotePoint,
  readVersion,
  writePageSet,
  writeRemotePoint,
  writeVersion,
} from "./change-fields.ts";
import { decodeCommit } from "./commit-body.ts";
import { isSlot, NO_SLOT } from "./location.ts";
import { CHANGE_KINDS, type LogChange } from "./log-change.ts";
import type { LogRecord } from "./log-reader.ts";
import { readContinue, readReserve, writeContinue, writeReserve } from "./sharing-fields.ts";
import { readSegments, writeSegments } from "./uploaded-segments.ts";

/** The body of any record but a commit's, which is put together in place. */
export function encodeChange(change: Exclude<LogChange, { kind: "commit" }>): Uint8Array {
  const writer = new ByteWriter();
  switch (change.kind) {
    case "pull":
    case "merge":
      writeVersion(writer, change.version);
      writeRemotePoint(writer, change.remote);
      writePageSet(writer, change.changed);
      break;
    case "reset":
      writeVersion(writer, change.version);
      writer.u8(change.remote === undefined ? 0 : 1);
      if (change.remote !== undefined) writeRemotePoint(writer, change.remote);
      writePageSet(writer, change.changed);
      break;
    case "prepare":
      writer.bytes(commitIdBytes(change.commitId));
      writeVersion(writer, change.toVersion);
      break;
    case "complete":
      writeRemotePoint(writer, change.remote);
      break;
    case "end":
      writer.u8(change.isDiverged ? 1 : 0);
      break;
    case "fetched":
      writeVersion(writer, change.version);
      writer.u32le(change.pages.length);
      for (const [page, location] of change.pages) {
        writer.u32le(page).u32le(location === ZEROS ? NO_SLOT : location);
      }
      break;
    case "dropped":
      writePageSet(writer, change.pages);
      break;
    case "uploaded":
      writer.u32le(change.keptCount);
      writeSegments(writer, change.segments);
      break;
    case "reserve":
      writeReserve(writer, change);
      break;
    case "continue":
      writeContinue(writer, change);
      break;
    default:
      unreachable(change);
  }
  return writer.finish();
}

/** @throws BytesError or GraftError when the body is not one */
export function decodeChange(record: LogRecord): LogChange {
  if (record.kind === CHANGE_KINDS.commit || record.kind === CHANGE_KINDS.notedCommit) {
    return decodeCommit(record);
  }
  const reader = new ByteReader(record.body);
  const change = decodeOther(record.kind, reader);
  const padding = reader.rest();
  if (padding.length > 7 || padding.some((byte) => byte !== 0)) {
    throw new BytesError(`${padding.length} bytes follow the last field`, reader.offset);
  }
  return change;
}

function decodeOther(kind: number, reader: ByteReader): LogChange {
  switch (kind) {
    case CHANGE_KINDS.pull:
    case CHANGE_KINDS.merge: {
      const version = readVersion(reader);
      const remote = readRemotePoint(reader);
      const changed = readPageSet(reader);
      return { kind: kind === CHANGE_KINDS.pull ? "pull" : "merge", version, remote, changed };
    }
    case CHANGE_KINDS.reset: {
      const version = readVersion(reader);
      const remote = readFlag(reader) ? readRemotePoint(reader) : undefined;
      return { kind: "reset", version, remote, changed: readPageSet(reader) };
    }
    case CHANGE_KINDS.prepare: {
      const commitId = toCommitId(reader.bytes(COMMIT_ID_SIZE));
      return { kind: "prepare", commitId, toVersion: readVersion(reader) };
    }
    case CHANGE_KINDS.complete:
      return { kind: "complete", remote: readRemotePoint(reader) };
    case CHANGE_KINDS.end:
      return { kind: "end", isDiverged: readFlag(reader) };
    case CHANGE_KINDS.fetched:
      return decodeFetched(reader);
    case CHANGE_KINDS.dropped:
      return { kind: "dropped", pages: readPageSet(reader) };
    case CHANGE_KINDS.uploaded: {
      const keptCount = reader.u32le();
      return { kind: "uploaded", keptCount, segments: readSegments(reader) };
    }
    case CHANGE_KINDS.reserve:
      return readReserve(reader);
    case CHANGE_KINDS.continue:
      return readContinue(reader);
    default:
      throw new BytesError(`a record has kind ${kind}`, 0);
  }
}

function decodeFetched(reader: ByteReader): LogChange {
  const version = readVersion(reader);
  const count = reader.u32le();
  const pages: [page: number, location: number][] = [];
  for (let at = 0; at < count; at++) {
    const page = toPageIndex(reader.u32le());
    const slot = reader.u32le();
    if (slot !== NO_SLOT && !isSlot(slot)) throw new BytesError(`slot ${slot}`, reader.offset);
    pages.push([page, slot === NO_SLOT ? ZEROS : slot]);
  }
  return { kind: "fetched", version, pages };
}
