import {
  type Clock,
  type Page,
  type PageIndex,
  type PageSize,
  type Random,
  retry,
  type VolumeId,
} from "@graft/core";
import type { Remote, UploadedSegment } from "../remote/remote.ts";
import { PartBuffer } from "./part-buffer.ts";

/**
 * Bytes of pages in a part: one segment of 15 full frames. With what is around them they stay below
 * 4 MiB, at which an encoder would take twice the memory.
 */
export const PART_SIZE: number = 15 * 256 * 1024;
/**
 * Parts under way at once: one being read, one on the wire, one being stored. Each is held as pages
 * and as a request: 24 MiB together, whatever the size of the upload.
 */
const PARTS_IN_FLIGHT_MAX = 3;

export interface UploadRequest {
  readonly remote: Remote;
  readonly clock: Clock;
  readonly random: Random;
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  /** A volume without commits: its record is made first, so that a page size clash shows early. */
  readonly isNewVolume: boolean;
  /** Ascending, each index once. The bytes of a page are used before the next one is asked for. */
  readonly pages: Iterable<Page> | AsyncIterable<Page>;
  /** Whether a part ends before this page, though it has room. Default: never. */
  readonly beginsPart?: (index: PageIndex) => boolean;
  /** Segments that hold a part already: then nothing is sent. */
  readonly findStored?: (part: readonly Page[]) => readonly UploadedSegment[] | undefined;
  /** A part was stored by the remote. Called in any order, once for each part that was sent. */
  readonly onStored?: (part: readonly Page[], segments: readonly UploadedSegment[]) => void;
  /** Pages of a part are in the object store, now or before. */
  readonly onDone?: (pageCount: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Sends pages to the PageStore, in parts of at most 3.75 MiB, three at a time; memory is bounded
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
  const stored: (readonly UploadedSegment[])[] = [];
  const underWay = new Set<Promise<void>>();
  const free: PartBuffer[] = [];
  let partCount = 0;
  const send = async (part: PartBuffer, at: number): Promise<void> => {
    try {
      stored[at] = await storePart(request, part.pages, signal);
      request.onDone?.(part.pages.length);
    } finally {
      part.clear();
      free.push(part);
    }
  };
  const start = async (part: PartBuffer): Promise<PartBuffer> => {
    const flight = send(part, partCount++).then(() => void underWay.delete(flight));
    // It may fail while the next part is still being read: it is heard of at the race below.
    flight.catch(() => undefined);
    underWay.add(flight);
    if (underWay.size >= PARTS_IN_FLIGHT_MAX) await Promise.race(underWay);
    return free.pop() ?? new PartBuffer(PART_SIZE, pageSize);
  };
  try {
    let part = new PartBuffer(PART_SIZE, pageSize);
    for await (const page of request.pages) {
      const isWhole = part.first !== undefined && request.beginsPart?.(page.index) === true;
      if (isWhole || part.isFull) part = await start(part);
      part.add(page);
    }
    if (part.first !== undefined) await start(part);
    await Promise.all(underWay);
    return stored.flat();
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(underWay);
    throw error;
  }
}

async function storePart(
  request: UploadRequest,
  pages: readonly Page[],
  signal: AbortSignal,
): Promise<readonly UploadedSegment[]> {
  const known = request.findStored?.(pages);
  if (known !== undefined) return known;
  const { remote, volumeId, pageSize } = request;
  const segments = await retry({ ...request, signal }, () =>
    remote.writePages(volumeId, pageSize, pages, signal),
  );
  request.onStored?.(pages, segments);
  return segments;
}
