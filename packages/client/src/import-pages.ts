import {
  type ClientId,
  type Clock,
  createCommitId,
  GraftError,
  type Lsn,
  type Page,
  type PageCount,
  type PageSize,
  type Random,
  retry,
  type VolumeId,
} from "@graft/core";
import type { Remote, RemoteCommitRequest } from "./remote/remote.ts";
import { uploadPages } from "./sync/upload.ts";
import type { Progress } from "./volume.ts";

export interface ImportRequest {
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  /** Ascending, each once; what is left out reads as zeros. Their bytes are not touched again. */
  readonly pages: Iterable<Page> | AsyncIterable<Page>;
  readonly message?: string;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface ImportResult {
  readonly lsn: Lsn;
  readonly pageCount: PageCount;
  readonly pageSize: PageSize;
  readonly segmentCount: number;
}

export interface ImportMeans {
  readonly remote: Remote;
  readonly clientId: ClientId;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The first commit of a new volume, straight from its source: memory is bounded whatever the size,
 * and the local disk is not touched.
 */
export async function importPages(
  volumeId: VolumeId,
  request: ImportRequest,
  means: ImportMeans,
): Promise<ImportResult> {
  const { pageCount, pageSize } = request;
  const segments = await uploadPages({
    ...request,
    ...means,
    volumeId,
    isNewVolume: true,
    total: pageCount,
  });
  const commit: RemoteCommitRequest = {
    volumeId,
    clientId: means.clientId,
    commitId: createCommitId(means.random),
    base: undefined,
    pageSize,
    pageCount,
    lowPageCount: pageCount,
    segments,
    inlinePages: [],
    message: request.message,
    appTransactionId: undefined,
  };
  // The same commit id is sent until the answer is definite, or for as long as the policy lasts.
  const answer = await retry({ ...means, signal: request.signal }, () =>
    means.remote.commit(commit, request.signal),
  );
  if (answer.kind === "rejected") {
    throw new GraftError("rejected", `volume ${volumeId} is new and has a commit already`);
  }
  return { lsn: answer.snapshot.lsn, pageCount, pageSize, segmentCount: segments.length };
}
