/** The state part of an index, both directions (docs/formats/local-store.md, "Index"). */
import {
  ByteReader,
  BytesError,
  ByteWriter,
  COMMIT_ID_SIZE,
  commitIdBytes,
  type PageSet,
  toCommitId,
  toPageCount,
} from "@graft/core";
import type { LocalCommit } from "../../volume.ts";
import { foldPending } from "../fold-pending.ts";
import type { ZeroFloor } from "../history/zero-floors.ts";
import type { LocalState, PreparedPush, RemotePoint } from "../local-store.ts";
import {
  readPageSet,
  readRemotePoint,
  readText,
  readVersion,
  writePageSet,
  writeRemotePoint,
  writeText,
  writeVersion,
} from "./change-fields.ts";
import { readSegments, writeSegments } from "./uploaded-segments.ts";

const FLAGS = { remote: 1, push: 2, diverged: 4, uploaded: 8 } as const;
const FLAGS_MAX = 15;

/** A replica without its pages. */
export interface IndexState {
  readonly state: LocalState;
  /** The version at which the volume was the remote snapshot. */
  readonly start: number;
  readonly floors: readonly ZeroFloor[];
  readonly stale: PageSet;
  readonly refreshed: PageSet;
}

export function encodeIndexState({
  state,
  start,
  floors,
  stale,
  refreshed,
}: IndexState): Uint8Array {
  const { remote, push } = state;
  const uploaded = push?.uploaded ?? [];
  const writer = new ByteWriter();
  writeVersion(writer, state.version);
  writer.u32le(state.pageCount);
  writer.u8(
    (remote === undefined ? 0 : FLAGS.remote) |
      (push === undefined ? 0 : FLAGS.push) |
      (state.isDiverged ? FLAGS.diverged : 0) |
      (uploaded.length === 0 ? 0 : FLAGS.uploaded),
  );
  writeVersion(writer, start);
  if (remote !== undefined) writeRemotePoint(writer, remote);
  if (push !== undefined) writer.bytes(commitIdBytes(push.commitId)).u32le(push.commitCount);
  if (uploaded.length > 0) writeSegments(writer, uploaded);
  writer.u32le(floors.length);
  for (const floor of floors) {
    writeVersion(writer, floor.version);
    writer.u32le(floor.count);
  }
  writePageSet(writer, stale);
  writePageSet(writer, refreshed);
  writer.u32le(state.pending.length);
  for (const commit of state.pending) writer.bytes(encodePending(commit));
  return writer.finish();
}

/** @throws BytesError or GraftError when the bytes are no state */
export function decodeIndexState(bytes: Uint8Array): IndexState {
  const reader = new ByteReader(bytes);
  const version = readVersion(reader);
  const pageCount = toPageCount(reader.u32le());
  const flags = reader.u8();
  if (flags > FLAGS_MAX) throw new BytesError(`flags are ${flags}`, reader.offset);
  const start = readVersion(reader);
  const remote = (flags & FLAGS.remote) === 0 ? undefined : readRemotePoint(reader);
  const prepared = (flags & FLAGS.push) === 0 ? undefined : readPrepared(reader, flags);
  const floors = readFloors(reader);
  const stale = readPageSet(reader);
  const refreshed = readPageSet(reader);
  const pending = readAllPending(reader);
  reader.expectEnd();
  const push = prepared === undefined ? undefined : refold(prepared, remote, pending, reader);
  const isDiverged = (flags & FLAGS.diverged) !== 0;
  return {
    state: { version, pageCount, remote, pending, push, isDiverged },
    start,
    floors,
    stale,
    refreshed,
  };
}

type Prepared = Pick<PreparedPush, "commitId" | "commitCount" | "uploaded">;

function readPrepared(reader: ByteReader, flags: number): Prepared {
  const commitId = toCommitId(reader.bytes(COMMIT_ID_SIZE));
  const commitCount = reader.u32le();
  const uploaded = (flags & FLAGS.uploaded) === 0 ? [] : readSegments(reader);
  return { commitId, commitCount, uploaded };
}

/** A push is the fold of the commits in it. */
function refold(
  { commitId, commitCount, uploaded }: Prepared,
  remote: RemotePoint | undefined,
  pending: readonly LocalCommit[],
  reader: ByteReader,
): PreparedPush {
  if (commitCount === 0 || commitCount > pending.length) {
    throw new BytesError(`a push of ${commitCount} of ${pending.length} commits`, reader.offset);
  }
  return { ...foldPending(commitId, remote, pending.slice(0, commitCount)), uploaded };
}

function readFloors(reader: ByteReader): ZeroFloor[] {
  const count = reader.u32le();
  const floors: ZeroFloor[] = [];
  for (let at = 0; at < count; at++) {
    const version = readVersion(reader);
    floors.push({ version, count: toPageCount(reader.u32le()) });
  }
  return floors;
}

/** Pending commits never change, may be many, and are in every index until they are pushed. */
const encodedCommits = new WeakMap<LocalCommit, Uint8Array>();

function encodePending(commit: LocalCommit): Uint8Array {
  const known = encodedCommits.get(commit);
  if (known !== undefined) return known;
  const writer = new ByteWriter();
  writeVersion(writer, commit.version);
  writer.u32le(commit.pageCount);
  writePageSet(writer, commit.pages);
  writeText(writer, commit.message);
  writeText(writer, commit.appTransactionId);
  const bytes = writer.finish().slice();
  encodedCommits.set(commit, bytes);
  return bytes;
}

function readAllPending(reader: ByteReader): LocalCommit[] {
  const count = reader.u32le();
  const pending: LocalCommit[] = [];
  for (let at = 0; at < count; at++) {
    const version = readVersion(reader);
    const pageCount = toPageCount(reader.u32le());
    const pages = readPageSet(reader);
    const message = readText(reader);
    const appTransactionId = readText(reader);
    pending.push({
      version,
      pageCount,
      pages,
      ...(message === undefined ? {} : { message }),
      ...(appTransactionId === undefined ? {} : { appTransactionId }),
    });
  }
  return pending;
}
