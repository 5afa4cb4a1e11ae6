import {
  type GetSnapshotRequest,
  GetSnapshotRequestSchema,
  type GetSnapshotResponse,
  GetSnapshotResponseSchema,
} from "@graft/proto-gen/metastore";
import {
  createRawRoute,
  fromGetSnapshotAnswer,
  PULL_WORDS,
  type RawRoute,
  toGetSnapshotRequest,
  toRawGetSnapshotRequest,
} from "@graft/rpc";
import type { MetastoreOperations, OpenMetastore } from "../guarded-metastore.ts";
import { mustFitRaw } from "./raw-page-size.ts";

/** `GetSnapshot`. */
export async function getSnapshot(
  metastore: MetastoreOperations,
  message: GetSnapshotRequest,
  signal: AbortSignal,
): Promise<GetSnapshotResponse> {
  const { volumeId, lsn } = toGetSnapshotRequest(message);
  const { snapshot, checkpointLsn } = await metastore.getSnapshot(volumeId, lsn, signal);
  return fromGetSnapshotAnswer(snapshot, checkpointLsn);
}

/** v0.1: the same, by another name. */
export function createRawSnapshot(openMetastore: OpenMetastore): RawRoute {
  return createRawRoute({
    path: "/metastore/v1/snapshot",
    input: GetSnapshotRequestSchema,
    output: GetSnapshotResponseSchema,
    words: PULL_WORDS,
    async handle(message, { signal, token }) {
      const metastore = await openMetastore(token);
      const { volumeId, lsn } = toRawGetSnapshotRequest(message);
      const { snapshot, checkpointLsn } = await metastore.getSnapshot(volumeId, lsn, signal);
      mustFitRaw(snapshot);
      return fromGetSnapshotAnswer(snapshot, checkpointLsn);
    },
  });
}
