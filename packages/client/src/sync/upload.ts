import {
  type Clock,
  type Page,
  type PageSize,
  type Random,
  retry,
  type VolumeId,
  WRITE_PAGES_SIZE_MAX,
} from "@graft/core";
import type { Remote, UploadedSegment } from "../remote/remote.ts";
import type { Progress } from "../volume.ts";

/** Parts under way at once. With parts of 8 MiB an upload holds 40 MiB of pages at most. */
const PARTS_IN_FLIGHT_MAX = 4;

export interface UploadRequest {
  readonly remote: Remote;
  readonly clock: Clock;
  readonly random: Random;
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  /** A volume without commits: its record is made first, so that a page size clash shows early. */
  readonly isNewVolume: boolean;
  /** Ascending, each index once. Their bytes are not touched again. */
  readonly pages: Iterable<Page> | AsyncIterable<Page>;
  /** How many pages there will be, for progress. */
  readonly total: number;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Sends pages to the PageStore, in parts of at most 8 MiB, four at a time; memory is bounded
 * whatever the size. Nothing is visible until a commit names the segments, which come back in page
 * order.
 *
 * @throws GraftError of the first part that failed; the others are aborted
 */
export async function uploadPages(request: UploadRequest): Promise<readonly UploadedSegment[]> {
  const { remote, volumeId, pageSize } = request;
  if (request.isNewVolume) await remote.createVolume(volumeId, pageSize, request.signal);
  const abort = new AbortController();
  const signal =
    request.signal === undefined ? abort.signal : AbortSignal.any([request.signal, abort.signal]);
  const parts: (readonly UploadedSegment[])[] = [];
  const underWay = new Set<Promise<void>>();
  let partCount = 0;
  let done = 0;
  try {
    for await (const part of partsOf(request.pages, pageSize)) {
      const at = partCount++;
      const flight = retry({ ...request, signal }, () =>
        remote.writePages(volumeId, pageSize, part, signal),
      ).then((segments) => {
        parts[at] = segments;
        underWay.delete(flight);
        done += part.length;
        request.onProgress?.({ done, total: request.total });
      });
      // It may fail while the next part is still being read: it is heard of at the race below.
      flight.catch(() => undefined);
      underWay.add(flight);
      if (underWay.size >= PARTS_IN_FLIGHT_MAX) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    return parts.flat();
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(underWay);
    throw error;
  }
}

async function* partsOf(
  pages: Iterable<Page> | AsyncIterable<Page>,
  pageSize: PageSize,
): AsyncGenerator<readonly Page[]> {
  const countMax = Math.floor(WRITE_PAGES_SIZE_MAX / pageSize);
  let part: Page[] = [];
  for await (const page of pages) {
    part.push(page);
    if (part.length === countMax) {
      yield part;
      part = [];
    }
  }
  if (part.length > 0) yield part;
}
