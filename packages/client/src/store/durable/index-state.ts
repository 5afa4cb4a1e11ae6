/** The state part of an index, both directions (docs/formats/local-store.md, "Index"). */
import {
  ByteReader,
  BytesError,
  ByteWriter,
  COMMIT_ID_SIZE,
  commitIdBytes,
  invariant,
  type PageSet,
  toCommitId,
  toPageCount,
} from "@graft/core";
import type { LocalCommit } from "../../volume.ts";
import { foldPending } from "../fold-pending.ts";
import type { ZeroFloor } from "../history/zero-floors.ts";
import {
  createLocalCommit,
  noteFieldsOf,
  partsOf,
  REPLAY_SIZE_MAX,
  type ReadReplay,
  type ReplayPlace,
} from "../local-commit.ts";
import type { LocalState, PreparedPush, RemotePoint } from "../local-store.ts";
import {
  readFlag,
  readPageSet,
  readReads,
  readRemotePoint,
  readText,
  readVersion,
  writePageSet,
  writeReads,
  writeRemotePoint,
  writeText,
  writeVersion,
} from "./change-fields.ts";
import { FORMAT_VERSION_NOTES } from "./file-header.ts";
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

/** What a state does not say itself. */
export interface IndexStateSource {
  /** Of the file's format. */
  readonly version: number;
  readonly generation: number;
  /** Where the replays of pending commits begin in the file. */
  readonly replaysOffset: number;
  /** Without it commits show no replays. */
  readonly readReplay?: ReadReplay | undefined;
}

/** @throws BytesError or GraftError when the bytes are no state */
export function decodeIndexState(bytes: Uint8Array, source: IndexStateSource): IndexState {
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
  const pending = readAllPending(reader, source);
  reader.expectEnd();
  const push =
    prepared === undefined ? undefined : refold(prepared, { remote, start }, pending, reader);
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
  base: { readonly remote: RemotePoint | undefined; readonly start: number },
  pending: readonly LocalCommit[],
  reader: ByteReader,
): PreparedPush {
  if (commitCount === 0 || commitCount > pending.length) {
    throw new BytesError(`a push of ${commitCount} of ${pending.length} commits`, reader.offset);
  }
  return { ...foldPending(commitId, base, pending.slice(0, commitCount)), uploaded };
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
  const { replay } = partsOf(commit);
  const writer = new ByteWriter();
  writeVersion(writer, commit.version);
  writer.u32le(commit.pageCount);
  writePageSet(writer, commit.pages);
  writeText(writer, commit.message);
  writeText(writer, commit.appTransactionId);
  writeReads(writer, commit.reads);
  writer.u8(replay === undefined ? 0 : 1);
  if (replay !== undefined) writer.u32le(replay.size).u32le(checksumOf(replay));
  const bytes = writer.finish().slice();
  encodedCommits.set(commit, bytes);
  return bytes;
}

function checksumOf(replay: ReplayPlace): number {
  invariant(replay.kind !== "memory", "a replay of a durable store is in a file");
  return replay.checksum;
}

function readAllPending(
  reader: ByteReader,
  { version: formatVersion, generation, replaysOffset, readReplay }: IndexStateSource,
): LocalCommit[] {
  let offset = replaysOffset;
  const readPlace = (): ReplayPlace | undefined => {
    if (!readFlag(reader)) return undefined;
    const size = reader.u32le();
    if (size > REPLAY_SIZE_MAX) throw new BytesError(`a replay of ${size} bytes`, reader.offset);
    const place = { kind: "index", generation, offset, size, checksum: reader.u32le() } as const;
    offset += size;
    return place;
  };
  const count = reader.u32le();
  const pending: LocalCommit[] = [];
  for (let at = 0; at < count; at++) {
    const version = readVersion(reader);
    const pageCount = toPageCount(reader.u32le());
    const pages = readPageSet(reader);
    const message = readText(reader);
    const appTransactionId = readText(reader);
    const hasNotes = formatVersion >= FORMAT_VERSION_NOTES;
    const reads = hasNotes ? readReads(reader) : undefined;
    const replay = hasNotes ? readPlace() : undefined;
    const note = noteFieldsOf({ message, appTransactionId, reads });
    const parts = { version, pageCount, pages, ...note, ...(replay !== undefined && { replay }) };
    pending.push(createLocalCommit(parts, readReplay));
  }
  return pending;
}
