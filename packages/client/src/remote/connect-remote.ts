/** The services over Connect: domain values in, domain values out, every answer checked. */
import {
  type Compute,
  isGraftError,
  LSN_FIRST,
  nextLsn,
  READ_PAGES_BUDGET_DEFAULT,
  type Snapshot,
} from "@graft/core";
import { encodeFrame, type Frame, framePageCountMax } from "@graft/format";
import {
  fromCommitRequest,
  fromCreateVolumeRequest,
  fromGetSnapshotRequest,
  fromPullCommitsRequest,
  fromPullGraftRequest,
  fromReadPagesRequest,
  fromStreamPagesRequest,
  fromWatchRequest,
  fromWritePagesRequest,
  type GraftClients,
  present,
  toCommitAnswer,
  toGetSnapshotAnswer,
  toPullCommitsAnswer,
  toPullGraftAnswer,
  toReadPagesAnswer,
  toStreamPagesAnswer,
  toWatchEvent,
  toWritePagesAnswer,
  type WireCommit,
} from "@graft/rpc";
import { readBundle } from "./bundled-pages.ts";
import { checkCovered, checkSnapshot } from "./check-answer.ts";
import type {
  CommitPage,
  CoveredPages,
  ReadPagesRequest,
  Remote,
  RemoteChanges,
  RemoteCommitAnswer,
  RemoteCommitInfo,
  RemoteCommitRequest,
  RemoteEvent,
  UploadedSegment,
} from "./remote.ts";
import { toRemoteEvent } from "./remote-event.ts";

export interface ConnectRemoteParts {
  readonly name: string;
  readonly clients: GraftClients;
  readonly compute: Compute;
  /** See `Remote.reconnect`. */
  readonly reconnect?: () => void;
  /** Lets go of connections. */
  readonly close: () => Promise<void>;
}

/** A `Remote` that speaks with a MetaStore and a PageStore. */
export function createConnectRemote(parts: ConnectRemoteParts): Remote {
  const { metastore, pagestore } = parts.clients;
  return {
    name: parts.name,

    async getSnapshot(volumeId, signal): Promise<Snapshot | undefined> {
      const message = fromGetSnapshotRequest({ volumeId });
      try {
        const answer = await metastore.getSnapshot(message, present({ signal }));
        const expected = { rpc: "GetSnapshot", volumeId, lsnMin: LSN_FIRST };
        return checkSnapshot(expected, toGetSnapshotAnswer(answer));
      } catch (error) {
        if (isGraftError(error, "not-found")) return undefined;
        throw error;
      }
    },

    async pullChanges(volumeId, from, signal): Promise<RemoteChanges | undefined> {
      const message = fromPullGraftRequest({ volumeId, range: { start: nextLsn(from) } });
      const answer = toPullGraftAnswer(await metastore.pullGraft(message, present({ signal })));
      if (answer.changes === undefined) return undefined;
      const expected = { rpc: "PullGraft", volumeId, lsnMin: nextLsn(from) };
      return {
        snapshot: checkSnapshot(expected, answer.snapshot),
        changed: answer.changes.pageSet,
      };
    },

    async pullCommits(volumeId, from, signal): Promise<CommitPage> {
      const range = { start: from };
      const message = fromPullCommitsRequest({ volumeId, range, includeRecords: false });
      const answer = toPullCommitsAnswer(await metastore.pullCommits(message, present({ signal })));
      return { commits: answer.commits.map(toCommitInfo), hasMore: answer.hasMore };
    },

    async createVolume(volumeId, pageSize, signal): Promise<void> {
      const message = fromCreateVolumeRequest({ volumeId, pageSize });
      await metastore.createVolume(message, present({ signal }));
    },

    async commit(request, signal): Promise<RemoteCommitAnswer> {
      const message = await toCommitMessage(request, parts.compute);
      try {
        const answer = toCommitAnswer(await metastore.commit(message, present({ signal })));
        const lsn = nextLsn(request.base);
        const { volumeId } = request;
        const expected = { rpc: "Commit", volumeId, lsnMin: lsn, lsnMax: lsn };
        return { kind: "committed", snapshot: checkSnapshot(expected, answer.snapshot) };
      } catch (error) {
        if (isGraftError(error, "rejected")) return { kind: "rejected" };
        throw error;
      }
    },

    async readPages(request, signal): Promise<CoveredPages> {
      const message = toReadPagesMessage(request);
      const answer = await pagestore.readPages(message, present({ signal }));
      return checkCovered(request, toReadPagesAnswer(answer));
    },

    readBundle: (request, signal) => readBundle(pagestore, request, signal),

    async *streamPages(request, signal): AsyncGenerator<CoveredPages> {
      const { volumeId, lsn, pages } = request;
      const message = fromStreamPagesRequest({ volumeId, lsn, pageSet: pages });
      for await (const part of pagestore.streamPages(message, present({ signal }))) {
        yield checkCovered(request, toStreamPagesAnswer(part));
      }
    },

    async writePages(volumeId, pageSize, pages, signal): Promise<readonly UploadedSegment[]> {
      const message = fromWritePagesRequest({ volumeId, pageSize, pages });
      return toWritePagesAnswer(await pagestore.writePages(message, present({ signal })));
    },

    async *watch(request, signal): AsyncGenerator<RemoteEvent> {
      for await (const message of metastore.watch(fromWatchRequest(request), present({ signal }))) {
        const event = toWatchEvent(message);
        // One of a newer server says nothing that is needed.
        if (event !== undefined) yield await toRemoteEvent(event, parts.compute);
      }
    },

    ...present({ reconnect: parts.reconnect }),
    close: parts.close,
  };
}

function toReadPagesMessage({
  pageSize,
  pages: pageSet,
  prefetch,
  query,
  ...snapshot
}: ReadPagesRequest): ReturnType<typeof fromReadPagesRequest> {
  const byteBudget = Math.max(READ_PAGES_BUDGET_DEFAULT, pageSize);
  return fromReadPagesRequest({
    ...snapshot,
    pageSet,
    byteBudget,
    ...present({ prefetch, query }),
  });
}

async function toCommitMessage(
  request: RemoteCommitRequest,
  compute: Compute,
): Promise<ReturnType<typeof fromCommitRequest>> {
  const { message, appTransactionId, inlinePages, base, ...rest } = request;
  const metadata = present({ message, appTransactionId });
  return fromCommitRequest({
    ...rest,
    ...present({ baseLsn: base }),
    inlineFrames: await encodeInlinePages(request, compute),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  });
}

async function encodeInlinePages(
  request: RemoteCommitRequest,
  compute: Compute,
): Promise<readonly Frame[]> {
  const context = { volumeId: request.volumeId, pageSize: request.pageSize };
  const countMax = framePageCountMax(request.pageSize);
  const frames: Frame[] = [];
  for (let at = 0; at < request.inlinePages.length; at += countMax) {
    frames.push(await encodeFrame(request.inlinePages.slice(at, at + countMax), context, compute));
  }
  return frames;
}

function toCommitInfo(commit: WireCommit): RemoteCommitInfo {
  let changedPageCount = commit.inlinePageSet?.cardinality ?? 0;
  for (const segment of commit.segments) changedPageCount += segment.pageSet.cardinality;
  return {
    snapshot: commit.snapshot,
    changedPageCount,
    message: commit.metadata?.message,
    appTransactionId: commit.metadata?.appTransactionId,
  };
}
