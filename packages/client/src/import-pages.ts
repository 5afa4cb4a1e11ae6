import {
  ByteWriter,
  type ClientId,
  type Clock,
  type Compute,
  encodeHex,
  type FileSystem,
  GraftError,
  isGraftError,
  type Lsn,
  type Page,
  type PageCount,
  type PageIndex,
  type PageSize,
  type Random,
  retry,
} from "@graft/core";
import { ImportJournal } from "./import-journal.ts";
import type { Remote, RemoteCommitRequest, UploadedSegment } from "./remote/remote.ts";
import { PART_SIZE, uploadPages } from "./sync/upload.ts";
import type { Progress } from "./volume.ts";

/** Times the pages are gone through: again for those whose segments a commit did not find. */
const PASSES_MAX = 3;

export interface ImportRequest {
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  /**
   * Ascending, each once; what is left out reads as zeros. The bytes of a page are used before the
   * next one is asked for. They are gone through again when a part has to be sent again.
   */
  readonly pages: Iterable<Page> | AsyncIterable<Page>;
  /** A local name for the volume. It has it when the import is over, and not before. */
  readonly tag?: string;
  /**
   * With it and a tag, in a data directory, an import that was interrupted (killed included) goes
   * on when it is repeated under the same tag: parts that have arrived and are still the same, byte
   * for byte, are not sent again.
   */
  readonly compute?: Pick<Compute, "sha256">;
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
  /** Where progress is kept. */
  readonly directory?: { readonly path: string; readonly fileSystem: FileSystem } | undefined;
}

/** Opens what an earlier run of this import left. Close it. @throws GraftError `busy`, `io` */
export function openImportJournal(request: ImportRequest, means: ImportMeans): ImportJournal {
  const { tag, compute, pageSize } = request;
  const { directory } = means;
  if (tag === undefined || compute === undefined || directory === undefined) {
    return new ImportJournal({ ...means, pageSize });
  }
  const { fileSystem, path } = directory;
  const place = { fileSystem, directory: `${path}/imports`, name: tag };
  return new ImportJournal({ ...means, pageSize, place });
}

/**
 * The first commit of a new volume, straight from its source: memory is bounded whatever the size,
 * and the local disk is touched by the journal only.
 *
 * @throws GraftError `unavailable`: nothing is known of the outcome; repeated, it goes on
 */
export async function importPages(
  request: ImportRequest,
  journal: ImportJournal,
  means: ImportMeans,
): Promise<ImportResult> {
  for (let pass = 1; ; pass++) {
    const { segments, digest } = await uploadParts(request, journal, means);
    if (journal.sent !== undefined && journal.sent !== digest) {
      // The source was changed after its commit was sent: the commit id stands for what it was.
      journal.startOver();
      continue;
    }
    if (digest !== undefined) journal.markSent(digest);
    try {
      return await commitImport(request, journal, segments, means);
    } catch (error) {
      if (pass === PASSES_MAX || digest === undefined || !forgetMissing(journal, error)) {
        throw error;
      }
    }
  }
}

interface Uploaded {
  readonly segments: readonly UploadedSegment[];
  /** Of all that was moved; undefined: nobody reckons digests. */
  readonly digest: string | undefined;
}

async function uploadParts(
  request: ImportRequest,
  journal: ImportJournal,
  means: ImportMeans,
): Promise<Uploaded> {
  const { pageCount, pageSize, pages, compute, signal } = request;
  const pagesPerPart = PART_SIZE / pageSize;
  const digests = new Map<PageIndex | undefined, string>();
  let done = 0;
  const segments = await uploadPages({
    ...means,
    volumeId: journal.volumeId,
    pageSize,
    isNewVolume: true,
    pages,
    // A part is always cut at the same indexes: a change moves none but its own.
    beginsPart: (index) => (index - 1) % pagesPerPart === 0,
    findStored: (part) => {
      if (compute === undefined) return undefined;
      const digest = digestOf(part, compute);
      digests.set(part[0]?.index, digest);
      return journal.find(digest);
    },
    onStored: (part, stored) => {
      const digest = digests.get(part[0]?.index);
      if (digest !== undefined) journal.add(digest, stored);
    },
    onDone: (count) => {
      done += count;
      request.onProgress?.({ done, total: pageCount });
    },
    ...(signal !== undefined && { signal }),
  });
  if (compute === undefined) return { segments, digest: undefined };
  const all = new TextEncoder().encode([pageCount, ...digests.values()].join("\n"));
  return { segments, digest: encodeHex(compute.sha256(all)) };
}

/** Where the pages go is part of what they are. */
function digestOf(part: readonly Page[], compute: Pick<Compute, "sha256">): string {
  const indexes = new ByteWriter();
  for (const { index } of part) indexes.u32le(index);
  return encodeHex(compute.sha256(indexes.finish(), ...part.map(({ data }) => data)));
}

async function commitImport(
  { pageCount, pageSize, message, signal }: ImportRequest,
  { volumeId, commitId }: ImportJournal,
  segments: readonly UploadedSegment[],
  means: ImportMeans,
): Promise<ImportResult> {
  const commit: RemoteCommitRequest = {
    volumeId,
    clientId: means.clientId,
    commitId,
    base: undefined,
    pageSize,
    pageCount,
    lowPageCount: pageCount,
    segments,
    inlinePages: [],
    message,
    appTransactionId: undefined,
  };
  // The same commit id is sent until the answer is definite, or for as long as the policy lasts.
  const answer = await retry({ ...means, signal }, () => means.remote.commit(commit, signal));
  if (answer.kind === "rejected") {
    throw new GraftError("rejected", `volume ${volumeId} is new and has a commit already`);
  }
  return { lsn: answer.snapshot.lsn, pageCount, pageSize, segmentCount: segments.length };
}

/** False when the error speaks of no segments. */
function forgetMissing(journal: ImportJournal, error: unknown): boolean {
  if (!isGraftError(error, "not-found")) return false;
  const { segments, segmentCount } = error.details;
  if (typeof segments !== "string") return false;
  const named = new Set(segments.split(","));
  // A long list is cut off: then none is trusted.
  journal.forget(({ segmentId }) => named.size !== Number(segmentCount) || named.has(segmentId));
  return true;
}
