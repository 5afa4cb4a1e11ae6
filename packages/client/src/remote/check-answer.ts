/**
 * What a server answers is kept as truth: an answer to another question than was asked, or to none,
 * is refused here.
 */
import { GraftError, intersects, type Lsn, type Snapshot, type VolumeId } from "@graft/core";
import type { CoveredPages, ReadPagesRequest } from "./remote.ts";

/**
 * Pages of the asked volume's size, among those the answer settles, of which one was asked for: an
 * answer that settles nothing of the question would be asked again for ever.
 *
 * @throws GraftError `internal`
 */
export function checkCovered(request: ReadPagesRequest, answer: CoveredPages): CoveredPages {
  if (!intersects(answer.covered, request.pages)) {
    throw badRead(request, "it settles no page that was asked for");
  }
  for (const page of answer.pages) {
    if (page.data.length !== request.pageSize) {
      const found = `page ${page.index} has ${page.data.length} bytes`;
      throw badRead(request, `${found}, expected ${request.pageSize}`);
    }
    if (!answer.covered.contains(page.index)) {
      throw badRead(request, `page ${page.index} is not among those it settles`);
    }
  }
  return answer;
}

/** What a snapshot must be of. */
export interface ExpectedSnapshot {
  readonly rpc: string;
  readonly volumeId: VolumeId;
  /** The least LSN it may have, and the greatest where there is one. */
  readonly lsnMin: Lsn;
  readonly lsnMax?: Lsn;
}

/** @throws GraftError `internal` when it is of another volume or time */
export function checkSnapshot(expected: ExpectedSnapshot, snapshot: Snapshot): Snapshot {
  const { rpc, volumeId, lsnMin, lsnMax } = expected;
  if (snapshot.volumeId !== volumeId) {
    throw badAnswer(`${rpc} of volume ${volumeId}: it is of volume ${snapshot.volumeId}`, volumeId);
  }
  if (snapshot.lsn < lsnMin || (lsnMax !== undefined && snapshot.lsn > lsnMax)) {
    const range = lsnMin === lsnMax ? `${lsnMin}` : `${lsnMin} or more`;
    const what = `expected LSN ${range}, got ${snapshot.lsn}`;
    throw badAnswer(`${rpc} of volume ${volumeId}: ${what}`, volumeId);
  }
  return snapshot;
}

function badRead({ volumeId, lsn }: ReadPagesRequest, why: string): GraftError {
  return badAnswer(`a read of volume ${volumeId} at LSN ${lsn}: ${why}`, volumeId);
}

function badAnswer(what: string, volumeId: VolumeId): GraftError {
  const message = `malformed answer to ${what}`;
  return new GraftError("internal", message, { details: { volume: volumeId } });
}
