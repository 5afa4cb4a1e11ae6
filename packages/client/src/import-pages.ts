import {
  type ClientId,
  type Clock,
  createCommitId,
  GraftError,
  isGraftError,
  type Lsn,
  type Page,
  type PageCount,
  type PageSize,
  type Random,
  type VolumeId,
} from "@graft/core";
import type { Remote, RemoteCommitAnswer, RemoteCommitRequest } from "./remote/remote.ts";
import { backoffMs } from "./sync/backoff.ts";
import { uploadPages } from "./sync/upload.ts";
import type { Progress } from "./volume.ts";

/** Times a commit whose outcome stays unknown is sent before the import gives up. */
const ATTEMPTS_MAX = 6;

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
 * The first commit of a new volume, straight from its source: memory is bounded whatever the size, and
 * the local disk is not touched.
 */
export async function importPages(
  volumeId: VolumeId,
  request: ImportRequest,
  means: ImportMeans,
): Promise<ImportResult> {
  const { pageCount, pageSize } = request;
  const segments = await uploadPages({
    ...request,
    remote: means.remote,
    volumeId,
    isNewVolume: true,
    total: pageCount,
  });
  const answer = await commitUntilDefinite(means, request.signal, {
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
  });
  if (answer.kind === "rejected") {
    throw new GraftError("rejected", `volume ${volumeId} is new and has a commit already`);
  }
  return { lsn: answer.snapshot.lsn, pageCount, pageSize, segmentCount: segments.length };
}

async function commitUntilDefinite(
  means: ImportMeans,
  signal: AbortSignal | undefined,
  request: RemoteCommitRequest,
): Promise<RemoteCommitAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await means.remote.commit(request, signal);
    } catch (error) {
      const mayPass = isGraftError(error) && error.isRepeatable && signal?.aborted !== true;
      if (!mayPass || attempt >= ATTEMPTS_MAX) throw error;
      await means.clock.sleep(backoffMs(attempt, means.random), signal);
    }
  }
}
