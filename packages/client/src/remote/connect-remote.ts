/** The services over Connect: domain values in, domain values out, every answer checked. */
import {
  type Compute,
  GraftError,
  gidBytes,
  isGraftError,
  type Lsn,
  nextLsn,
  type Page,
  type PageSize,
  type Snapshot,
} from "@graft/core";
import { encodeFrame, framePageCountMax } from "@graft/format";
import {
  fromCommitMetadata,
  fromFrame,
  fromLowPageCount,
  fromLsnRange,
  fromOptionalCommitId,
  fromPage,
  fromPageSet,
  fromSegmentInfo,
  type GraftClients,
  present,
  readAnswer,
  toCommit,
  toPage,
  toPageSet,
  toSegmentInfo,
  toSnapshot,
} from "@graft/rpc";
import type {
  CommitPage,
  CoveredPages,
  ReadPagesRequest,
  Remote,
  RemoteChanges,
  RemoteCommitAnswer,
  RemoteCommitRequest,
  UploadedSegment,
} from "./remote.ts";

export interface ConnectRemoteParts {
  readonly name: string;
  readonly clients: GraftClients;
  readonly compute: Compute;
  /** Lets go of connections. */
  readonly close: () => Promise<void>;
}

/** A `Remote` that speaks with a MetaStore and a PageStore. */
export function createConnectRemote(parts: ConnectRemoteParts): Remote {
  const { metastore, pagestore } = parts.clients;
  return {
    name: parts.name,

    async getSnapshot(volumeId, signal): Promise<Snapshot | undefined> {
      try {
        const answer = await metastore.getSnapshot(
          { vid: gidBytes(volumeId) },
          present({ signal }),
        );
        return readAnswer("GetSnapshot", () => toSnapshot(answer.snapshot));
      } catch (error) {
        if (isGraftError(error, "not-found")) return undefined;
        throw error;
      }
    },

    async pullChanges(volumeId, from, signal): Promise<RemoteChanges | undefined> {
      const range = fromLsnRange({ start: nextLsn(from) });
      const answer = await metastore.pullGraft(
        { vid: gidBytes(volumeId), range },
        present({ signal }),
      );
      if (answer.range === undefined) return undefined;
      return readAnswer("PullGraft", () => ({
        snapshot: toSnapshot(answer.snapshot),
        changed: toPageSet(answer.graft),
      }));
    },

    async pullCommits(volumeId, from, signal): Promise<CommitPage> {
      const answer = await metastore.pullCommits(
        { vid: gidBytes(volumeId), range: fromLsnRange({ start: from }) },
        present({ signal }),
      );
      const commits = readAnswer("PullCommits", () => answer.commits.map(toCommit));
      return { commits: commits.map(toCommitInfo), hasMore: answer.hasMore };
    },

    async createVolume(volumeId, pageSize, signal): Promise<void> {
      await metastore.createVolume({ vid: gidBytes(volumeId), pageSize }, present({ signal }));
    },

    async commit(request, signal): Promise<RemoteCommitAnswer> {
      const message = await toCommitMessage(request, parts.compute);
      try {
        const answer = await metastore.commit(message, present({ signal }));
        return {
          kind: "committed",
          snapshot: readAnswer("Commit", () => toSnapshot(answer.snapshot)),
        };
      } catch (error) {
        if (isGraftError(error, "rejected")) return { kind: "rejected" };
        throw error;
      }
    },

    async readPages(request, signal): Promise<CoveredPages> {
      const answer = await pagestore.readPages(toReadMessage(request), present({ signal }));
      return checkCovered(
        request,
        readAnswer("ReadPages", () => toCoveredPages(answer)),
      );
    },

    async *streamPages(request, signal): AsyncGenerator<CoveredPages> {
      for await (const part of pagestore.streamPages(toReadMessage(request), present({ signal }))) {
        yield checkCovered(
          request,
          readAnswer("StreamPages", () => toCoveredPages(part)),
        );
      }
    },

    async writePages(volumeId, pageSize, pages, signal): Promise<readonly UploadedSegment[]> {
      const answer = await pagestore.writePages(
        { vid: gidBytes(volumeId), pageSize, pages: pages.map(fromPage) },
        present({ signal }),
      );
      const segments = readAnswer("WritePages", () => answer.segments.map(toSegmentInfo));
      return segments.map(({ segmentId, pageSet, sizeBytes }) => ({
        segmentId,
        pages: pageSet,
        size: sizeBytes,
      }));
    },

    close: parts.close,
  };
}

async function toCommitMessage(request: RemoteCommitRequest, compute: Compute) {
  const frames = await encodeInlinePages(request, compute);
  return {
    vid: gidBytes(request.volumeId),
    cid: gidBytes(request.clientId),
    ...present({ snapshotLsn: request.base as bigint | undefined }),
    pageCount: request.pageCount,
    segments: request.segments.map((segment) =>
      fromSegmentInfo({
        segmentId: segment.segmentId,
        pageSet: segment.pages,
        ...present({ sizeBytes: segment.size }),
      }),
    ),
    ...present({
      commitId: fromOptionalCommitId(request.commitId),
      lowPageCount: fromLowPageCount(request.lowPageCount, request.pageCount),
      metadata: fromCommitMetadata(present({ ...pickMetadata(request) })),
    }),
    inlineFrames: frames.map(fromFrame),
    pageSize: request.pageSize,
  };
}

function pickMetadata(request: RemoteCommitRequest) {
  return { message: request.message, appTransactionId: request.appTransactionId };
}

async function encodeInlinePages(request: RemoteCommitRequest, compute: Compute) {
  const context = { volumeId: request.volumeId, pageSize: request.pageSize };
  const countMax = framePageCountMax(request.pageSize);
  const frames = [];
  for (let at = 0; at < request.inlinePages.length; at += countMax) {
    frames.push(await encodeFrame(request.inlinePages.slice(at, at + countMax), context, compute));
  }
  return frames;
}

function toReadMessage(request: ReadPagesRequest) {
  return {
    vid: gidBytes(request.volumeId),
    lsn: request.lsn as bigint,
    graft: fromPageSet(request.pages),
  };
}

function toCoveredPages(answer: {
  readonly pages: readonly Parameters<typeof toPage>[0][];
  readonly covered: Uint8Array;
}): CoveredPages {
  return { pages: answer.pages.map(toPage), covered: toPageSet(answer.covered) };
}

/** Pages of the wrong size, or an answer that settles nothing, would be kept as truth: refuse them. */
function checkCovered(request: ReadPagesRequest, answer: CoveredPages): CoveredPages {
  if (answer.covered.isEmpty) throw badAnswer(request, "it settles no page");
  for (const page of answer.pages) checkPage(request, answer, page, request.pageSize);
  return answer;
}

function checkPage(
  request: ReadPagesRequest,
  answer: CoveredPages,
  page: Page,
  pageSize: PageSize,
): void {
  if (page.data.length !== pageSize) {
    throw badAnswer(request, `page ${page.index} has ${page.data.length} bytes, not ${pageSize}`);
  }
  if (!answer.covered.contains(page.index)) {
    throw badAnswer(request, `page ${page.index} is not among those it settles`);
  }
}

function badAnswer(request: ReadPagesRequest, why: string): GraftError {
  const { volumeId, lsn } = request;
  return new GraftError(
    "internal",
    `malformed answer to a read of volume ${volumeId} at LSN ${lsn}: ${why}`,
    { details: { volume: volumeId, lsn: String(lsn satisfies Lsn) } },
  );
}

function toCommitInfo(commit: ReturnType<typeof toCommit>): CommitPage["commits"][number] {
  let changedPageCount = commit.inlinePageSet?.cardinality ?? 0;
  for (const segment of commit.segments) changedPageCount += segment.pageSet.cardinality;
  return {
    snapshot: commit.snapshot,
    changedPageCount,
    message: commit.metadata?.message,
    appTransactionId: commit.metadata?.appTransactionId,
  };
}
