import { GraftError, type Lsn, type VolumeId } from "@graft/core";
import { logKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import {
  fromGetSnapshotRequest,
  fromPullCommitsRequest,
  type MetastoreClient,
  present,
  toGetSnapshotAnswer,
  tokenOptions,
  toPullCommitsAnswer,
  type WireCommit,
} from "@graft/rpc";
import type { CommitSource } from "./commit-source.ts";
import { readLogObject } from "./log-reader.ts";

/**
 * Commits from a MetaStore's `PullCommits`. A record that was left out of an answer, for its size
 * or by a server that does not send records, is read from the log itself.
 */
export class MetastoreCommitSource implements CommitSource {
  readonly #client: MetastoreClient;
  readonly #store: ObjectStore;

  constructor(options: { readonly client: MetastoreClient; readonly store: ObjectStore }) {
    this.#client = options.client;
    this.#store = options.store;
  }

  async read(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
    token?: string,
  ): Promise<Uint8Array> {
    const request = { volumeId, range: { start: lsn, end: lsn }, includeRecords: true };
    const options = { ...present({ signal }), ...tokenOptions(token) };
    const message = await this.#client.pullCommits(fromPullCommitsRequest(request), options);
    const [commit] = toPullCommitsAnswer(message).commits;
    if (commit === undefined) throw notFound(volumeId, lsn);
    checkPlace(volumeId, lsn, commit);
    // A copy: a view would keep the whole answer alive for one record.
    if (commit.record !== undefined) return commit.record.slice();
    const bytes = await readLogObject(this.#store, volumeId, lsn, signal);
    if (bytes !== undefined) return bytes;
    const object = logKey(volumeId, lsn);
    throw new GraftError("corrupt", `${object} is missing, though the MetaStore names it`, {
      details: { object },
    });
  }

  async newest(volumeId: VolumeId, signal: AbortSignal | undefined, token?: string): Promise<Lsn> {
    const options = { ...present({ signal }), ...tokenOptions(token) };
    const message = await this.#client.getSnapshot(fromGetSnapshotRequest({ volumeId }), options);
    return toGetSnapshotAnswer(message).lsn;
  }
}

function checkPlace(volumeId: VolumeId, lsn: Lsn, { snapshot }: WireCommit): void {
  if (snapshot.volumeId === volumeId && snapshot.lsn === lsn) return;
  const wanted = `expected LSN ${lsn} of volume ${volumeId}`;
  const got = `got LSN ${snapshot.lsn} of ${snapshot.volumeId}`;
  throw new GraftError("internal", `malformed answer to PullCommits: ${wanted}, ${got}`);
}

function notFound(volumeId: VolumeId, lsn: Lsn): GraftError {
  return new GraftError("not-found", `volume ${volumeId} has no commit at LSN ${lsn}`, {
    details: { volume: volumeId, lsn: String(lsn) },
  });
}
